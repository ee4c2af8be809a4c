"""Terms and rules of the product, pure: no Django, no I/O. glossary.md defines the terms."""
