"""Where: the lake (connection, schema, load), its lock, publication and backup."""
