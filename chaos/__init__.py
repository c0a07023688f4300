"""The fault suite: a platform under load and work, while its parts are killed, stopped and lied to."""
