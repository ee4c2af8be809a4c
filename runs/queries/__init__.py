"""All reads. Each function says how many SQL statements it takes and returns frozen dataclasses."""
