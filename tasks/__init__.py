"""Prefect tasks: a decorator, one call into reactal, one return."""
