"""Options that several commands have."""


def listed_names(text: str) -> list[str]:
    """`1,2` as the names of subjects or sessions."""
    return [part.strip() for part in text.split(",") if part.strip()]
