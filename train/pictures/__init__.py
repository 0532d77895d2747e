"""Pictures of recordings: what is in them before anything is trained. See `neurograsp plot`."""
