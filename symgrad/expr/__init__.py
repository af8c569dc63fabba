"""What a tree may hold: symgrad's own heads, the text reader and the printer."""
