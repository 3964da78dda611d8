"""Where: the lake (connection, schema, load, query), its lock and its upkeep."""
