"""A long, random, seeded run of everything at once, with aborts and kills; see __main__.py."""
