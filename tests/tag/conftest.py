"""A browser, a visitor with an empty cookie jar, a tab, and a collector that writes down what it gets."""

from tests.browser import browser as browser
from tests.browser import context as context
from tests.browser import page as page
from tests.browser import recorder as recorder
