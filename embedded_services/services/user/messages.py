"""What the user service is asked and what it says."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from embedded_services.contracts.wire import END, Message, Request, Timestamp
from embedded_services.services.kit.fields import ONE_LINE
from embedded_services.services.kit.pages import Paging
from embedded_services.services.kit.roles import Permission, Role

Email = Annotated[str, Meta(min_length=3, max_length=254)]
PersonName = Annotated[str, Meta(min_length=1, max_length=80, pattern=ONE_LINE)]
Line = Annotated[str, Meta(min_length=1, max_length=120, pattern=ONE_LINE)]


class Registration(Request, frozen=True):
    email: Email
    password: Annotated[str, Meta(min_length=8, max_length=128)]
    name: PersonName


class Login(Request, frozen=True):
    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=128)]


class User(Message, frozen=True):
    id: str
    email: str
    name: str
    role: Role
    created_at: Timestamp
    updated_at: Timestamp
    revision: int


class Session(Message, frozen=True):
    """`token` is for `Authorization: Bearer`, until `expires_at`."""

    token: str
    expires_at: Timestamp
    user: User


class UserFilter(Paging, frozen=True):
    email: Email | None = None
    role: Role | None = None


class UserPatch(Request, frozen=True):
    name: PersonName


class RoleChange(Request, frozen=True):
    role: Role


class RoleView(Message, frozen=True):
    name: Role
    description: str
    permissions: list[Permission]


class Address(Request, omit_defaults=True, frozen=True):
    line1: Line | None = None
    line2: Line | None = None
    city: Line | None = None
    region: Line | None = None
    postal_code: Annotated[str, Meta(pattern=r"^[A-Za-z0-9 -]{2,16}" + END)] | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}" + END)] | None = None


Phone = Annotated[str, Meta(pattern=r"^\+?[0-9][0-9 ()./-]{3,30}" + END)]
Locale = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}" + END)]
PreferenceName = Annotated[str, Meta(min_length=1, max_length=64)]
Preference = Annotated[str, Meta(max_length=256)] | bool | int | float
Preferences = Annotated[dict[PreferenceName, Preference], Meta(max_length=50)]


class ProfileInput(Request, frozen=True):
    """A whole profile: what is left out is cleared."""

    display_name: PersonName | None = None
    phone: Phone | None = None
    address: Address | None = None
    locale: Locale | None = None
    preferences: Preferences = {}


class ProfilePatch(Request, frozen=True):
    """Changes to a profile: a field that is given replaces the old one whole, null clears it."""

    display_name: PersonName | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    address: Address | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET
    preferences: Preferences | UnsetType = UNSET


class Profile(Message, frozen=True):
    """`updated_at` is null for a profile that nobody has filled in yet."""

    user_id: str
    display_name: str | None = None
    phone: str | None = None
    address: Address | None = None
    locale: str | None = None
    preferences: Preferences = msgspec.field(default_factory=dict)
    updated_at: Timestamp | None = None
