"""The classics: each can be armed as it stands on the default workspace, and says why not where it cannot."""

import pytest

from app.core import language
from app.core.settings import SavedPreset
from app.panels.faults.presets import classics, judged, own
from embedded_services.contracts.faults import FaultTarget, NewFault
from embedded_services.faults.catalogue import KINDS
from tests.helpers.fault_scene import instance, scene


@pytest.mark.parametrize("key", language.LANGUAGES)
def test_every_preset_has_words_in_every_language(key: str) -> None:
    for preset in classics(key):
        assert preset.title
        assert preset.says


def test_titles_differ_between_languages() -> None:
    english, chinese = ([one.title for one in classics(key)] for key in ("en", "zh_CN"))
    assert set(english).isdisjoint(chinese)


def test_faults_of_presets_are_such_as_the_catalogue_knows() -> None:
    for preset in classics("en"):
        for fault in preset.faults:
            KINDS[fault.kind].read(fault.params)
            given = {name for name in FaultTarget.__struct_fields__ if getattr(fault.target, name)}
            info = KINDS[fault.kind].info
            assert given & set(info.needs), preset.key
            assert given <= {*info.needs, *info.allows}, preset.key


def test_what_is_not_there_cannot_be_broken() -> None:
    found = {one.key: one.why_not for one in judged(classics("en"), scene(instance("order-1")))}
    assert found["payment-outage"] == "There is no payment in this system."
    assert found["grey-failure"] == ""
    assert found["flapping-instance"] == "There is no order-2 in this system."


def test_own_presets_are_known_as_such() -> None:
    kept = SavedPreset(title="Mine", faults=[NewFault(kind="kill", target=FaultTarget(instance="order-1"))])
    (found,) = judged(own([kept]), scene())
    assert (found.title, found.is_own, found.why_not) == ("Mine", True, "")
