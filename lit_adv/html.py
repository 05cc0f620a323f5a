"""HTML from the packaged templates."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(package: str, template: str, **values: Any) -> str:
    """Returns a page; text among the values is escaped.

    Args:
        package: the package that has the template in its folder `templates`.
        template: the template's file name.
        values: the template's variables.

    Raises:
        UndefinedError: the template uses another variable.
    """
    templates = Environment(loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined)
    return templates.get_template(template).render(values)
