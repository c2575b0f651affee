"""Templates become HTML, text and post text; the only room that imports jinja2 and premailer."""
