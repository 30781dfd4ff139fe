"""The values of columns: their types, whole numbers, times in any form."""
