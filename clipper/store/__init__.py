"""The home on disk: its parts, snapshots, shards and tags."""
