"""The admin pages: server-rendered, for people who verify, compare, promote and roll back."""
