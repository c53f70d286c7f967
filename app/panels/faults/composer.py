"""The composer: the inspector of a catalogue card. What it acts on, its parameters, how likely and how long; what a client
will see of it; and the button that injects it.

The form is made from the kind's descriptor alone. What the user wrote stays while the system changes beneath.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QSlider, QVBoxLayout, QWidget

from app.core.fault_outlook import Aim, outlook
from app.core.fault_targets import WHO, Place, Scene, field_words, other_fields, places, suggestions
from app.core.fault_words import kind_words, lasts
from app.core.language import tr
from app.panels.faults.draft import (
    TTLS,
    Draft,
    Written,
    first_draft,
    guess_params,
    guess_share,
    is_used,
    parse,
)
from app.panels.faults.outlook_plot import OutlookPlot
from app.panels.faults.param_fields import ChoiceField, Field, FormField, TextField, ToggleField, param_field
from app.qt.tokens import Tone
from app.widgets.button import Button
from app.widgets.inspector_page import InspectorPage
from app.widgets.label import Label
from app.widgets.segmented_toggle import SegmentedToggle
from embedded_services.contracts.faults import FaultKindInfo, FaultScope, FaultTarget, NewFault

OTHER: Final = "other"
_TONES: Final[Mapping[str, Tone]] = {"calm": "text_secondary", "slower": "warn", "failing": "bad"}


class Composer(InspectorPage):
    """`inject_requested(NewFault)`; `save_requested(NewFault)` keeps it as a preset; `console_requested(kind)` for a token."""

    inject_requested = Signal(object)
    save_requested = Signal(object)
    console_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self._info: FaultKindInfo | None = None
        self._scene = Scene()
        self._places: list[Place] = []
        self._fields: dict[str, FormField] = {}
        self._who: _PlaceField | None = None
        self._chance: _ChanceField | None = None
        self._for: _TimeField | None = None
        self._drafts: dict[str, Draft] = {}
        self._form = QVBoxLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setSpacing(12)
        self._form_holder = QWidget()
        self._form_holder.setLayout(self._form)
        self._more_toggle = Button(tr("More…"), kind="link", parent=self._form_holder)
        self._more_toggle.hide()
        self._more_toggle.setObjectName("moreFields")
        self._more: list[Field] = []
        self._shows_more = False
        self._plot = OutlookPlot()
        self._says = Label("", "body", "text_secondary", wrap=True)
        self._says.setObjectName("outlook")
        self._inject = Button(tr("Inject"), "bolt", "fault")
        self._inject.setObjectName("inject")
        self._save = Button(tr("Save preset"))
        self._save.setObjectName("savePreset")
        self.add_section("", self._form_holder)
        seen = QWidget()
        column = QVBoxLayout(seen)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._says)
        column.addWidget(self._plot)
        self.add_section(tr("What a client will see"), seen)
        self.set_wide_action(self._inject, self._save)
        self._inject.clicked.connect(self.inject)
        self._save.clicked.connect(self._on_save)
        self._more_toggle.clicked.connect(self._on_more)

    # --- what the presenter tells ---------------------------------------------------------------------------------

    def compose(self, info: FaultKindInfo, draft: Draft | None = None) -> None:
        """Show the form of a kind: with what is given, or with what the user left there."""
        if self._info is not None:
            self._drafts[self._info.kind] = self.draft
        words = kind_words(info)
        is_new = self._info is None or self._info.kind != info.kind
        self._info = info
        self.set_subject(tr("Compose a fault"), info.kind, note=words.help)
        if is_new:
            self._build_form(info)
        self._fill(draft or self._drafts.get(info.kind) or first_draft(info))

    def show_scene(self, scene: Scene) -> None:
        """What there is to aim at, as of now."""
        if scene != self._scene:
            self._scene = scene
            if self._info is not None:
                self._show_places()
                self._refresh()

    def show_refusal(self, problems: Mapping[str, str], text: str) -> None:
        """What the control plane said of it: at its fields, or above."""
        self._inject.set_busy(busy=False)
        self._show_problems(problems)
        placed = {name for name in problems if self._field_of(name) is not None}
        if not placed:
            self.notice.show_message(text)

    def show_injected(self) -> None:
        self._inject.set_busy(busy=False)
        self.notice.clear()

    @property
    def kind(self) -> str | None:
        return None if self._info is None else self._info.kind

    # --- the form -------------------------------------------------------------------------------------------------

    def _build_form(self, info: FaultKindInfo) -> None:
        self._clear_form()
        if "step" in info.needs or any(name in info.needs for name in WHO):
            self._who = _PlaceField(optional=_has_other_needs(info))
            self._put(self._who)
        words = field_words()
        for name in other_fields(info):
            field = ChoiceField(f"target.{name}", words.get(name, name))
            self._add(f"target.{name}", field, more=name not in info.needs)
        for param in info.params:
            self._add(f"params.{param.name}", param_field(param), more=param.timing)
        if info.draws:
            self._chance = _ChanceField()
            self._put(self._chance)
        if info.armable:
            self._for = _TimeField()
            self._put(self._for)
        self._add_draw(info)
        for rare in self._more:
            self._form.addWidget(rare)
        self._more_toggle.setVisible(bool(self._more))
        self._save.setVisible(info.armable)
        self._inject.setText(tr("Inject") if info.armable else tr("Open in Requests"))
        self._show_places()
        self._show_more()

    def _clear_form(self) -> None:
        while (item := self._form.takeAt(0)) is not None:
            if (widget := item.widget()) is not None and widget is not self._more_toggle:
                widget.hide()
                widget.deleteLater()
        self._fields, self._more = {}, []
        self._who = self._chance = self._for = None
        self._shows_more = False

    def _add_draw(self, info: FaultKindInfo) -> None:
        """What is drawn for, by which seed; and the way to the fields that most do not need."""
        if len(info.scopes) > 1:
            scopes = {FaultScope.REQUEST.value: tr("request"), FaultScope.CONNECTION.value: tr("connection")}
            self._add("scope", ToggleField("scope", tr("Scope"), scopes, note=tr("what is drawn for")))
        if info.draws:
            seed = TextField("seed", tr("Seed"), note=tr("the same seed decides the same"), unit=" ")
            self._add("seed", seed, more=True)
        self._form.addWidget(self._more_toggle, 0, Qt.AlignmentFlag.AlignLeft)

    def _put(self, field: Field) -> None:
        field.edited.connect(self._on_edited)
        self._form.addWidget(field)

    def _add(self, name: str, field: FormField, *, more: bool = False) -> None:
        self._fields[name] = field
        field.edited.connect(self._on_edited)
        if more:
            self._more.append(field)
        else:
            self._form.addWidget(field)

    def _show_places(self) -> None:
        if self._info is None:
            return
        if self._who is not None:
            self._who.show_places(places(self._info, self._scene))
        for name in other_fields(self._info):
            field = self._fields[f"target.{name}"]
            if isinstance(field, ChoiceField):
                field.show_choices(suggestions(name, self._scene))

    def _show_more(self) -> None:
        for field in self._more:
            field.setVisible(self._shows_more)
        self._more_toggle.setText(tr("Less") if self._shows_more else tr("More…"))

    def _on_more(self) -> None:
        self._shows_more = not self._shows_more
        self._show_more()
        self._refresh()

    # --- what stands in it ----------------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        target: dict[str, str] = dict(self._who.chosen) if self._who is not None else {}
        params: dict[str, Written] = {}
        for name, field in self._fields.items():
            group, _, rest = name.partition(".")
            if group == "target":
                target[rest] = str(field.value)
            elif group == "params":
                params[rest] = field.value
        scope = self._fields.get("scope")
        first = Draft()
        return Draft(
            target={name: value for name, value in target.items() if value},
            params=params,
            percent=self._chance.text if self._chance is not None else first.percent,
            ttl=self._for.text if self._for is not None else first.ttl,
            scope=FaultScope(str(scope.value)) if scope is not None else first.scope,
            seed=str(self._fields["seed"].value) if "seed" in self._fields else "",
        )

    def _fill(self, draft: Draft) -> None:
        if self._who is not None:
            self._who.choose(
                {name: value for name, value in draft.target.items() if name in (*WHO, "saga", "step")}
            )
        for name, field in self._fields.items():
            group, _, rest = name.partition(".")
            if group == "target":
                field.set_value(draft.target.get(rest, ""))
            elif group == "params" and rest in draft.params:
                field.set_value(draft.params[rest])
        if (scope := self._fields.get("scope")) is not None:
            scope.set_value(draft.scope.value)
        if (seed := self._fields.get("seed")) is not None:
            seed.set_value(draft.seed)
        if self._chance is not None:
            self._chance.set_text(draft.percent)
        if self._for is not None:
            self._for.set_text(draft.ttl)
        self._show_problems({})
        self.notice.clear()
        self._refresh()

    def _on_edited(self) -> None:
        self._show_problems({})
        self._refresh()

    def _refresh(self) -> None:
        info = self._info
        if info is None:
            return
        draft = self.draft
        for param in info.params:
            field = self._fields[f"params.{param.name}"]
            hidden = field in self._more and not self._shows_more
            field.setVisible(is_used(param, draft.params) and not hidden)
        known = {name: value for name, value in draft.target.items() if name in FaultTarget.__struct_fields__}
        aim = Aim(
            kind=info.kind,
            target=FaultTarget(**known),
            params=guess_params(info, draft),
            probability=guess_share(draft),
            ttl=60.0,
            sees=kind_words(info).sees,
        )
        seen = outlook(aim, self._scene)
        self._says.setText(seen.says)
        self._says.set_tone(_TONES[seen.how])
        self._plot.show_times(seen.times)
        self._plot.setVisible(seen.times is not None)
        if info.armable:
            wanted = parse(info, draft)
            ttl = wanted.ttl if isinstance(wanted, NewFault) else None
            self._inject.setText(
                tr("Inject for {time}", time=lasts(ttl)) if ttl is not None else tr("Inject")
            )

    # --- what the user does ---------------------------------------------------------------------------------------

    def inject(self) -> None:
        """Ask for what stands in the form, or say what is wrong with it."""
        if self._info is None:
            return
        if not self._info.armable:
            self.console_requested.emit(self._info.kind)
            return
        if (wanted := self._wanted()) is not None:
            self._inject.set_busy(busy=True)
            self.inject_requested.emit(wanted)

    def _on_save(self) -> None:
        if (wanted := self._wanted()) is not None:
            self.save_requested.emit(wanted)

    def _wanted(self) -> NewFault | None:
        if self._info is None:
            return None
        wanted = parse(self._info, self.draft)
        if isinstance(wanted, NewFault):
            self._show_problems({})
            return wanted
        self._show_problems(wanted)
        return None

    def _show_problems(self, problems: Mapping[str, str]) -> None:
        by_field: dict[Field, str] = {}
        for name, text in problems.items():
            field = self._field_of(name)
            if field is not None:
                by_field[field] = text
        hidden = [field for field in self._more if field in by_field]
        if hidden and not self._shows_more:
            self._on_more()
        for field in self._all_fields():
            field.show_problem(by_field.get(field, ""))

    def _field_of(self, name: str) -> Field | None:
        if name in self._fields:
            return self._fields[name]
        if name == "probability":
            return self._chance
        if name == "ttl":
            return self._for
        return self._who if name.startswith("target") else None

    def _all_fields(self) -> Sequence[Field]:
        own = [field for field in (self._who, self._chance, self._for) if field is not None]
        return [*own, *self._fields.values()]


def _has_other_needs(info: FaultKindInfo) -> bool:
    return any(name not in WHO and name != "step" for name in info.needs)


class _PlaceField(Field):
    """What it acts on, chosen from what there is."""

    def __init__(self, *, optional: bool) -> None:
        super().__init__(tr("Target"))
        self._optional = optional
        self._places: list[Place] = []
        self._wanted: dict[str, str] = {}
        self._box = QComboBox()
        self._box.setObjectName("target")
        self._box.setAccessibleName(tr("Target"))
        self._box.setMaxVisibleItems(20)
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._box.setMinimumContentsLength(10)
        self.body.addWidget(self._box, 1)
        self._box.activated.connect(self._on_activated)

    @property
    def chosen(self) -> dict[str, str]:
        return dict(self._wanted)

    def show_places(self, found: list[Place]) -> None:
        if found == self._places and self._box.count():
            return
        self._places = found
        self._box.clear()
        self._box.addItem(tr("any") if self._optional else tr("Choose…"), None)
        for place in found:
            self._box.addItem(f"{place.word} · {place.note}" if place.note else place.word, place)
        self._show()

    def choose(self, fields: Mapping[str, str]) -> None:
        self._wanted = dict(fields)
        self._show()

    def _show(self) -> None:
        """What was chosen and is not there any more stands there all the same."""
        at = next((n for n, place in enumerate(self._places, 1) if dict(place.fields) == self._wanted), 0)
        if self._wanted and not at:
            word = " · ".join(self._wanted.values())
            gone = Place(tuple(self._wanted.items()), word)
            self._box.addItem(tr("{name}, not there now", name=word), gone)
            at = self._box.count() - 1
        self._box.setCurrentIndex(at)
        self._say()

    def _on_activated(self, _: int) -> None:
        place = self._box.currentData()
        self._wanted = dict(place.fields) if isinstance(place, Place) else {}
        self._say()
        self.edited.emit()

    def _say(self) -> None:
        place = self._box.currentData()
        self.set_note(place.status if isinstance(place, Place) else "")


class _ChanceField(Field):
    """How likely: a figure, and a slider for those who would rather pull."""

    def __init__(self) -> None:
        super().__init__(tr("Probability"), tr("each is drawn for"))
        self._edit = TextField("probability", "", unit="%")
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("chance")
        self._slider.setAccessibleName(tr("Probability"))
        self._slider.setRange(0, 100)
        self._slider.setPageStep(10)
        self.body.addWidget(self._edit)
        self.body.addWidget(self._slider, 1)
        self._slider.sliderMoved.connect(self._on_slid)
        self._slider.actionTriggered.connect(lambda _: self._on_slid(self._slider.sliderPosition()))
        self._edit.edited.connect(self._on_typed)

    @property
    def text(self) -> str:
        return str(self._edit.value)

    def set_text(self, text: str) -> None:
        self._edit.set_value(text)
        self._follow()

    def _on_slid(self, value: int) -> None:
        self._edit.set_value(str(value))
        self.edited.emit()

    def _on_typed(self) -> None:
        self._follow()
        self.edited.emit()

    def _follow(self) -> None:
        try:
            self._slider.setValue(round(float(self.text.replace(",", "."))))
        except (ValueError, OverflowError):
            return  # it is being typed; the field says what is wrong once it is asked for


class _TimeField(Field):
    """How long: a click for the usual times, a figure for any other."""

    def __init__(self) -> None:
        super().__init__(tr("For"), tr("then it ends by itself"))
        choices = {str(ttl): lasts(ttl) for ttl in TTLS} | {OTHER: "…"}
        self._toggle = SegmentedToggle(tr("For"), choices)
        self._toggle.setObjectName("ttlChoice")
        self._edit = TextField("ttl", "", unit=tr("s"))
        self._edit.set_value("60")
        self.body.addWidget(self._toggle)
        self.body.addWidget(self._edit)
        self.body.addStretch(1)
        self._edit.setVisible(False)
        self._toggle.choice_requested.connect(self._on_choice)
        self._edit.edited.connect(self.edited)

    @property
    def text(self) -> str:
        return str(self._edit.value)

    def set_text(self, text: str) -> None:
        self._edit.set_value(text)
        usual = text in {str(ttl) for ttl in TTLS}
        self._toggle.set_choice(text if usual else OTHER)
        self._edit.setVisible(not usual)

    def _on_choice(self, choice: str) -> None:
        if choice != OTHER:
            self._edit.set_value(choice)
        self._edit.setVisible(choice == OTHER)
        self.edited.emit()
