"""Pictures from bytes: formats, limits, and processes that may die without harm."""
