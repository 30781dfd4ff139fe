"""The entry of `panel serve viewer`: one page for each visitor."""

from viewer.app import page

page().servable()
