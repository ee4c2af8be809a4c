"""Python environments of images: where they lie, what each one is, and how an executor runs in one."""
