"""The service: schedule, supervision, and work that commands hand over."""
