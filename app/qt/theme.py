"""The look of the application: the roles of the theme as QPalette, style sheet, fonts and icons.

There is one, as there is one QApplication, and `theme()` finds it from there. Paint code asks it for roles at each
paint (`theme().color("bad")`), so a switch needs nothing but the repaint that Qt sends anyway. It follows the system's
colour scheme while the application runs, unless a theme was chosen.
"""

from collections.abc import Callable, Mapping
from string import Template
from typing import Final, Literal, get_args

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyleFactory

from app.qt.icons import TintedIcon
from app.qt.tokens import (
    Face,
    SchemeName,
    Sizes,
    StatusLook,
    Tone,
    load_event_colors,
    load_scheme,
    load_tokens,
)
from embedded_services.common.resources import resource

ThemeChoice = Literal["system", "dark", "light"]
CHOICES: Final[tuple[ThemeChoice, ...]] = get_args(ThemeChoice)

_PROPERTY = "faultdeckTheme"

_PALETTE: Final[Mapping[QPalette.ColorRole, Tone]] = {
    QPalette.ColorRole.Window: "surface",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "surface",
    QPalette.ColorRole.AlternateBase: "surface_raised",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.PlaceholderText: "text_muted",
    QPalette.ColorRole.Button: "surface_raised",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.BrightText: "text_on_accent",
    QPalette.ColorRole.Highlight: "surface_selected",
    QPalette.ColorRole.HighlightedText: "text",
    QPalette.ColorRole.Link: "accent",
    QPalette.ColorRole.ToolTipBase: "surface_overlay",
    QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.Light: "border",
    QPalette.ColorRole.Mid: "border",
    QPalette.ColorRole.Dark: "border",
    QPalette.ColorRole.Accent: "accent",
}


_installed: "Theme | None" = None


class Theme(QObject):
    """`Theme.install(app)` once, at the start. `changed` comes after the new look is in place."""

    changed = Signal()

    def __init__(
        self, app: QApplication, choice: ThemeChoice, system: Callable[[], Qt.ColorScheme] | None = None
    ) -> None:
        """`system` says what the desktop has chosen; Qt knows it."""
        super().__init__(app)
        self.tokens = load_tokens()
        self._app = app
        self._choice: ThemeChoice = choice
        self._system = system or app.styleHints().colorScheme
        self._name: SchemeName = "dark"
        self._colors: dict[Tone, QColor] = {}
        self._fonts: dict[Face, QFont] = {face: self._make_font(face) for face in self.tokens.type.scale}

    @classmethod
    def install(cls, app: QApplication, choice: ThemeChoice = "system") -> "Theme":
        """Give `app` its look. Raises TokensError when the theme's files are damaged."""
        found = cls(app, choice)
        global _installed
        _installed = found
        app.setProperty(_PROPERTY, found)
        app.setStyle(QStyleFactory.create("Fusion"))
        app.setFont(found.font("body"))
        app.styleHints().colorSchemeChanged.connect(found.system_changed)
        found.choose(choice)
        return found

    # --- what it gives --------------------------------------------------------------------------------------------

    @property
    def name(self) -> SchemeName:
        return self._name

    @property
    def choice(self) -> ThemeChoice:
        return self._choice

    @property
    def size(self) -> Sizes:
        return self.tokens.size

    def color(self, tone: Tone) -> QColor:
        return self._colors[tone]

    def event_color(self, event_type: str) -> QColor:
        """The colour of an event's family, by the first word of its type."""
        colors = load_event_colors(self._name)
        return QColor(colors.get(event_type.partition(".")[0], colors["other"]))

    def font(self, face: Face) -> QFont:
        """Tabular figures, no contextual alternates (they would turn the id `9x4` into `9×4`)."""
        return self._fonts[face]

    def line_height(self, face: Face) -> int:
        return self.tokens.type.scale[face].line

    def look_of(self, status: str) -> StatusLook:
        """The shape and tone of a status; of one that is not known, *unknown*."""
        return self.tokens.status.get(status, self.tokens.status["unknown"])

    def icon(self, name: str, tone: Tone = "text_secondary", *, chosen: Tone | None = None) -> QIcon:
        """An icon in `tone`; in `chosen` while its control is checked; muted while it is disabled."""

        def color_of(mode: QIcon.Mode, state: QIcon.State) -> QColor:
            if mode is QIcon.Mode.Disabled:
                return self.color("text_disabled")
            return self.color(chosen if chosen and state is QIcon.State.On else tone)

        return QIcon(TintedIcon(name, color_of))

    @property
    def reduces_motion(self) -> bool:
        """Whether the system asks for less motion: then nothing moves, and durations are 0."""
        hints = self._app.styleHints()  # PySide drops what hangs on it together with it
        preference = getattr(hints.accessibility(), "motionPreference", None)
        if preference is not None:  # Qt 6.12 and later ask the desktop
            return bool(preference().name == "ReducedMotion")
        return self._app.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) == 0

    # --- changing it ----------------------------------------------------------------------------------------------

    def choose(self, choice: ThemeChoice) -> None:
        """Follow the system, or stay dark or light."""
        self._choice = choice
        schemes = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light}
        QGuiApplication.styleHints().setColorScheme(schemes.get(choice, Qt.ColorScheme.Unknown))
        self._take(self._wanted())

    def system_changed(self) -> None:
        """The desktop has chosen anew."""
        if self._wanted() != self._name:
            self._take(self._wanted())

    def _wanted(self) -> SchemeName:
        if self._choice != "system":
            return self._choice
        return "light" if self._system() is Qt.ColorScheme.Light else "dark"

    def _take(self, name: SchemeName) -> None:
        self._name = name
        scheme = load_scheme(name)
        self._colors = {tone: QColor(value) for tone, value in scheme.items()}
        self._app.setPalette(self._palette())
        self._app.setStyleSheet(_style_sheet(name, scheme))
        self.changed.emit()

    def _palette(self) -> QPalette:
        palette = QPalette()
        for role, tone in _PALETTE.items():
            palette.setColor(role, self._colors[tone])
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, self._colors["text_disabled"])
        return palette

    def _make_font(self, face: Face) -> QFont:
        scale = self.tokens.type.scale[face]
        families = self.tokens.type.family_mono if face == "mono" else self.tokens.type.family
        font = QFont()
        font.setFamilies(families)
        font.setStyleHint(QFont.StyleHint.Monospace if face == "mono" else QFont.StyleHint.SansSerif)
        font.setPixelSize(scale.size)
        font.setWeight(QFont.Weight(scale.weight))
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        font.setFeature(QFont.Tag("tnum"), 1)
        font.setFeature(QFont.Tag("calt"), 0)
        return font


def theme() -> Theme:
    """The application's theme. Raises RuntimeError before `Theme.install`."""
    if _installed is None:
        raise RuntimeError("Theme.install(app) comes first")
    return _installed


def _style_sheet(name: SchemeName, scheme: Mapping[Tone, str]) -> str:
    template = Template(resource("themes", "window.qss").read_text(encoding="utf-8"))
    roles: dict[str, str] = {tone: value for tone, value in scheme.items()}  # noqa: C416 - it widens the key
    return template.substitute(roles, name=name, icons=resource("icons").as_posix())
