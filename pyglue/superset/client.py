"""A session with Superset's REST interface (`/api/v1`, described by Superset itself at /swagger/v1).

Law of this file: log-in, tokens and Superset's ways of telling an error live here and nowhere else. Reading
needs a bearer token from `/security/login`; writing also needs a CSRF token, which is bound to the session
cookie. Tokens run out (after a quarter of an hour by default), so a 401 is answered with one new log-in.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pyglue.errors import BadAnswer, PyglueError
from pyglue.shapes import Shapes
from pyglue.web import Client

ANY = tuple(range(200, 600))
CSRF = "/api/v1/security/csrf_token/"
_FOUND: Shapes = {"": dict, "result!": list, "result[]": dict, "result[].id!": int}
SHOWN = 300  # characters of an unexpected answer that are shown


class Superset:
    """Superset as one of its users sees it.

    `http` is the door to its address; nothing is asked before the first call. Every call raises Unreachable if
    Superset does not answer and BadAnswer for anything but success, with what Superset said.
    """

    def __init__(self, http: Client, password: str, *, username: str = "admin") -> None:
        self.http = http
        self.username = username
        self._password = password
        self._logged_in = False

    def get(self, path: str, shapes: Shapes | None = None, **query: Any) -> Any:
        """The JSON that `GET /api/v1/<path>` answers, if it is of these shapes; `query` is what Superset calls `q`."""
        return self._call("GET", path, shapes, params={"q": rison(query)} if query else None)

    def within(self, path: str, text: str, shapes: Shapes) -> Any:
        """The JSON in a text that `GET /api/v1/<path>` answered with; raises BadAnswer if it is not of these shapes."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = text
        self.http.check(content, "GET", f"/api/v1/{path}", shapes)
        return content

    def download(self, path: str, q: Any) -> bytes:
        """The bytes that `GET /api/v1/<path>` answers, for what is no JSON."""
        content: bytes = self._answer("GET", path, params={"q": rison(q)}).content
        return content

    def post(self, path: str, body: Any, shapes: Shapes | None = None, **kwargs: Any) -> Any:
        """The JSON that `POST /api/v1/<path>` with a JSON body answers, if it is of these shapes.

        `kwargs` go to requests (timeout).
        """
        return self._call("POST", path, shapes, json=body, **kwargs)

    def put(self, path: str, body: Any | None = None) -> Any:
        """The JSON that `PUT /api/v1/<path>` answers."""
        return self._call("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        """The JSON that `DELETE /api/v1/<path>` answers."""
        return self._call("DELETE", path)

    def upload(self, path: str, name: str, content: bytes, fields: dict[str, str]) -> Any:
        """The JSON that posting a file as the form field `name`, beside other fields, answers."""
        return self._call("POST", path, files={name: (f"{name}.zip", content)}, data=fields)

    def find(
        self, resource: str, *, related: dict[str, int] | None = None, **values: str
    ) -> dict[str, Any] | None:
        """The first entry of a list (`database`, `dataset`, `chart`) whose columns equal these values.

        `related` names columns that point at another thing by its number.
        """
        filters: list[dict[str, str | int]]
        filters = [{"col": name, "opr": "eq", "value": value} for name, value in values.items()]
        filters += [
            {"col": name, "opr": "rel_o_m", "value": value} for name, value in (related or {}).items()
        ]
        found = self.get(f"{resource}/", _FOUND, filters=filters, page_size=1)["result"]
        return found[0] if found else None

    def _call(self, method: str, path: str, shapes: Shapes | None = None, **kwargs: Any) -> Any:
        answer = self._answer(method, path, **kwargs)
        return self.http.content(answer, method, f"/api/v1/{path}", shapes or {})

    def _answer(self, method: str, path: str, **kwargs: Any) -> Any:
        if not self._logged_in:
            self._login()
        path = f"/api/v1/{path}"
        answer = self._send(method, path, **kwargs)
        if answer.status_code == 401:
            self._login()
            answer = self._send(method, path, **kwargs)
        if not 200 <= answer.status_code < 300:
            raise self._bad(method, path, answer)
        return answer

    def _send(self, method: str, path: str, **kwargs: Any) -> Any:
        if method != "GET" and "X-CSRFToken" not in self.http.headers:
            token = self.http.json("GET", CSRF, shapes={"": dict, "result!": str})["result"]
            self.http.headers["X-CSRFToken"] = token
        return self.http.request(method, path, expect=ANY, **kwargs)

    def _login(self) -> None:
        if not self._password:
            raise PyglueError(
                "SUPERSET_ADMIN_PASSWORD is not set, neither in the environment nor in .env",
                details=[
                    f"wanted for the user {self.username} of {self.http.base}",
                    "`pyglue up` generates one",
                ],
                try_="pyglue up",
                code="superset-password",
            )
        for header in ("Authorization", "X-CSRFToken"):
            self.http.headers.pop(header, None)
        path = "/api/v1/security/login"
        body = {"username": self.username, "password": self._password, "provider": "db", "refresh": False}
        answer = self.http.request("POST", path, json=body, expect=ANY)
        if answer.status_code == 401:
            raise BadAnswer(
                f"Superset refused the user {self.username}",
                status=401,
                details=[
                    f"asked      POST {self.http.base}{path}",
                    "came back  wrong name or password",
                    "when it starts, Superset takes SUPERSET_ADMIN_PASSWORD of .env",
                ],
                try_="pyglue up",
                code="superset-password",
            )
        if answer.status_code != 200:
            raise self._bad("POST", path, answer)
        token = self.http.content(answer, "POST", path, {"": dict, "access_token!": str})["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        self._logged_in = True

    def _bad(self, method: str, path: str, answer: Any) -> BadAnswer:
        return BadAnswer(
            f"{self.http.name} answered {answer.status_code} {answer.reason}",
            status=answer.status_code,
            details=[f"asked      {method} {self.http.base}{path}", f"came back  {said(answer.text)}"],
            try_=self.http.try_,
        )


def said(body: str) -> str:
    """What an error's body says: Superset's messages out of its JSON, the title of an HTML page, else its text."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        title = re.search(r"<title>(.*?)</title>", body, re.DOTALL | re.IGNORECASE)
        return _shorten(title[1] if title else body)
    if isinstance(answer, dict):
        listed = answer.get("errors")
        if errors := [
            e.get("message") for e in (listed if isinstance(listed, list) else []) if isinstance(e, dict)
        ]:
            return _shorten("; ".join(str(error) for error in errors))
        if message := answer.get("message"):
            return _shorten(message if isinstance(message, str) else json.dumps(message))
    return _shorten(body)


def rison(value: Any) -> str:
    """A value in Rison, the URL-friendly JSON that Superset's queries are written in (github.com/Nanonid/rison)."""
    if value is None:
        return "!n"
    if isinstance(value, bool):
        return "!t" if value else "!f"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return "'" + value.replace("!", "!!").replace("'", "!'") + "'"
    if isinstance(value, list | tuple):
        return "!(" + ",".join(rison(item) for item in value) + ")"
    return "(" + ",".join(f"{rison(str(key))}:{rison(item)}" for key, item in value.items()) + ")"


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else flat[:SHOWN] + " ..."
