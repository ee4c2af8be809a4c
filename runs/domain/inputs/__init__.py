"""What is known of the inputs of an action without reading its files: their digest, how it tells rows apart, how it is searched. Pure."""

from __future__ import annotations
