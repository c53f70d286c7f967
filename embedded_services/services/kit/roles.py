"""Who may do what: roles, and the permissions that each of them has, as data.

Everyone may do everything with what is theirs; a permission is needed for what belongs to others or to the shop. The
gateway says who calls, in `X-User-ID` and `X-User-Role`; the role is the one in the caller's token.
"""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    CUSTOMER = "customer"
    SUPPORT = "support"
    ADMIN = "admin"


class Permission(StrEnum):
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    ROLES_WRITE = "roles:write"
    PRODUCTS_WRITE = "products:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    TEMPLATES_WRITE = "templates:write"
    SAGAS_READ = "sagas:read"
    SAGAS_WRITE = "sagas:write"


PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.CUSTOMER: frozenset(),
    Role.SUPPORT: frozenset(
        {
            Permission.USERS_READ,
            Permission.ORDERS_READ,
            Permission.PAYMENTS_READ,
            Permission.NOTIFICATIONS_READ,
            Permission.NOTIFICATIONS_WRITE,
        }
    ),
    Role.ADMIN: frozenset(Permission),
}

DESCRIPTIONS: Final[dict[Role, str]] = {
    Role.CUSTOMER: "Sees and changes what is theirs",
    Role.SUPPORT: "Sees everything, writes to anyone, changes nothing that belongs to others",
    Role.ADMIN: "Sees and changes everything",
}
