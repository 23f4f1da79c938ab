"""The pages of docs/ that are written from the code: one function a page, text in, nothing touched."""
