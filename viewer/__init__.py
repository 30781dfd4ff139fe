"""The Panel app: reads a published atlas and shows it. It never writes to the store."""

from clipper.errors import require_extra

require_extra("viewer")
