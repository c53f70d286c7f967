"""The theme: semantic roles become palette, style sheet, fonts and icons, and change while the window is open."""

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QFontInfo, QIcon, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.qt.theme import Theme, theme
from app.qt.tokens import TokensError, load_scheme
from app.widgets.button import Button
from app.widgets.label import Label
from embedded_services.common.resources import resource


def middle(icon: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> str:
    """The colour of the strongest pixel."""
    image = icon.pixmap(QSize(40, 40), mode).toImage()
    pixels = [image.pixelColor(x, y) for x in range(40) for y in range(40)]
    return max(pixels, key=lambda color: color.alpha()).name().upper()


def test_a_choice_changes_palette_and_colours_at_once(qapp: QApplication) -> None:
    told: list[str] = []
    theme().changed.connect(lambda: told.append(theme().name))
    theme().choose("light")
    assert told == ["light"]
    light = load_scheme("light")
    assert theme().color("bad").name().upper() == light["bad"]
    assert qapp.palette().color(QPalette.ColorRole.Window).name().upper() == light["surface"]


def test_without_a_choice_it_follows_the_system(qapp: QApplication) -> None:
    desktop = [Qt.ColorScheme.Light]
    following = Theme(qapp, "system", system=lambda: desktop[-1])
    following.choose("system")
    names = [following.name]
    desktop.append(Qt.ColorScheme.Dark)
    following.system_changed()
    names.append(following.name)
    following.choose("light")
    following.system_changed()
    names.append(following.name)
    desktop.append(Qt.ColorScheme.Unknown)
    following.choose("system")
    names.append(following.name)
    assert names == ["light", "dark", "light", "dark"], "and a choice outlasts what the desktop does"
    following.deleteLater()


def test_icons_take_the_new_colours_without_being_made_again() -> None:
    icon = theme().icon("close", "bad")
    assert middle(icon) == load_scheme("dark")["bad"]
    theme().choose("light")
    assert middle(icon) == load_scheme("light")["bad"]
    assert middle(icon, QIcon.Mode.Disabled) == load_scheme("light")["text_disabled"]


def test_icons_survive_being_copied() -> None:
    icons = [QIcon(theme().icon("close", "ok")) for _ in range(50)]
    for icon in icons:
        icon.addPixmap(icon.pixmap(8, 8))
    assert middle(icons[-1]) == load_scheme("dark")["ok"]


@pytest.mark.parametrize("path", sorted(resource("icons").glob("*.svg")), ids=lambda path: path.stem)
def test_every_icon_can_be_drawn(path: object) -> None:
    assert not theme().icon(path.stem).pixmap(20, 20).isNull()  # type: ignore[attr-defined]  # a Path


def test_figures_are_tabular_and_ids_stay_as_they_are() -> None:
    for face in ("small", "mono", "figure"):
        font = theme().font(face)
        assert font.featureValue(QFont.Tag("tnum")) == 1
        assert font.featureValue(QFont.Tag("calt")) == 0


def test_labels_and_buttons_keep_their_fonts_when_theme_and_tone_change(qtbot: QtBot) -> None:
    label, button = Label("127.0.0.1:3000", "mono"), Button("Kill")
    for widget in (label, button):
        qtbot.addWidget(widget)
        widget.show()
    before = [QFontInfo(widget.font()).family() for widget in (label, button)]
    theme().choose("light")
    label.set_tone("text_muted")
    button.set_kind("primary")
    assert [QFontInfo(widget.font()).family() for widget in (label, button)] == before
    assert label.font().pixelSize() == 12
    assert (
        label.palette().color(QPalette.ColorRole.WindowText).name().upper()
        == load_scheme("light")["text_muted"]
    )
    assert button.font().featureValue(QFont.Tag("tnum")) == 1


def test_a_status_that_is_not_known_looks_unknown() -> None:
    assert theme().look_of("on-fire") == theme().look_of("unknown")


def test_events_are_coloured_by_their_family() -> None:
    assert theme().event_color("order.created") != theme().event_color("user.created")
    assert theme().event_color("weather.changed") == theme().event_color("other")


def test_a_damaged_theme_is_refused(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.qt import tokens

    broken = tmp_path / "dark.toml"  # type: ignore[operator]  # a Path
    broken.write_text('[color]\nbad = "red"\n[event]\n')
    monkeypatch.setattr(tokens, "resource", lambda *_: broken)
    with pytest.raises(TokensError, match=r"dark\.toml"):
        tokens.load_scheme.__wrapped__("dark")


def test_icons_are_drawn_at_the_displays_resolution(themed: Theme) -> None:
    sharp = themed.icon("stop").pixmap(QSize(16, 16), 2.0)
    assert (sharp.size(), sharp.devicePixelRatio()) == (QSize(32, 32), 2.0)
    assert themed.icon("stop").pixmap(QSize(16, 16), 1.0).size() == QSize(16, 16)
