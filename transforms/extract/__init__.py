"""Extract: bytes as delivered, with a manifest; the only step that touches the outside."""
