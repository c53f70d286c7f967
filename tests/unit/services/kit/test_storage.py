"""What marks a database file as a service's: workspaces that exist rely on it, so it never changes."""

from embedded_services.services.kit.storage import application_id


def test_the_mark_of_every_service_stays_what_it_is() -> None:
    assert {service: application_id(service) for service in ("user", "order", "payment", "notification")} == {
        "user": 0x43BB98BD,
        "order": 0x4F378DD3,
        "payment": 0x04AA95BE,
        "notification": 0x6D9BB3BF,
    }
