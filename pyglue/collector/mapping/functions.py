"""What a mapping may ask of an event: one row per function, with its type and the Python that answers it.

To add a function: a row here (or a method of `builder`, if its arguments need looking at), the event's attribute in
`event`, a case in the tests, a line in the documentation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function of the mapping language.

    `python` is as in `nodes.Node`; `{0}` is what stands before the dot, `{k0}` the argument. `parameter` is the type
    of the one argument (`string` or `int`, a literal), None if there is none.
    """

    result: str
    python: str
    certain: bool = False
    parameter: str | None = None
    utf8: bool = False
    total: bool = False


def _attribute(type_: str, name: str, *, utf8: bool = False) -> Function:
    return Function(type_, "{0}." + name, utf8=utf8)


def _attributes(type_: str, *, utf8: bool = False, **names: str) -> dict[str, Function]:
    return {function: _attribute(type_, attribute, utf8=utf8) for function, attribute in names.items()}


def _text(attribute: str, *, certain: bool = False) -> Function:
    return Function("string", f"e.{attribute}", certain=certain, utf8=True)


# By the type of what stands before the dot (None: nothing does), then by name.
FUNCTIONS: dict[str | None, dict[str, Function]] = {
    None: {
        "firstInSession": Function("boolean", "e.first_in_session", certain=True),
        "corrupt": Function("boolean", "e.corrupt", certain=True),
        "duplicate": Function("boolean", "e.duplicate", certain=True),
        "timestamp": Function("long", "e.received", certain=True),
        "clientTimestamp": Function("long", "e.client_time", certain=True),
        "remoteHost": _text("remote_host", certain=True),
        "partyId": _text("party", certain=True),
        "sessionId": _text("session", certain=True),
        "eventId": _text("event_id", certain=True),
        "pageViewId": _text("page_view"),
        "eventType": _text("event_type"),
        "location": _text("location"),
        "referer": _text("referer"),
        "viewportPixelWidth": Function("int", "e.viewport_width"),
        "viewportPixelHeight": Function("int", "e.viewport_height"),
        "screenPixelWidth": Function("int", "e.screen_width"),
        "screenPixelHeight": Function("int", "e.screen_height"),
        "devicePixelRatio": Function("int", "e.device_pixel_ratio"),
        "userAgentString": Function("string", "e.user_agent()", utf8=True),
        "eventParameters": Function("parameters", "e.parameters()", total=True),
    },
    "agent": _attributes(
        "string",
        utf8=True,
        name="name",
        family="family",
        vendor="vendor",
        type="type",
        version="version",
        deviceCategory="device_category",
        osFamily="os_family",
        osVersion="os_version",
        osVendor="os_vendor",
    ),
    "parameters": {
        "value": Function("string", "parameter({0}, {k0})", parameter="string", total=True),
    },
    "header": {
        "first": Function("string", "item({0}, 0)"),
        "last": Function("string", "item({0}, -1)"),
        "get": Function("string", "item({0}, {k0})", parameter="int"),
        "commaSeparated": Function("string", "','.join({0})"),
    },
    "uri": {
        **_attributes(
            "string",
            scheme="scheme",
            host="host",
            path="path",
            rawPath="raw_path",
            decodedQueryString="decoded_query",
            rawQueryString="raw_query",
            decodedFragment="decoded_fragment",
            rawFragment="raw_fragment",
        ),
        "port": _attribute("int", "port"),
        "query": Function("query", "{0}.query()"),
    },
    "query": {
        "value": Function("string", "{0}.get({k0}, (None,))[0]", parameter="string"),
        "valueList": Function("strings", "{0}.get({k0})", parameter="string"),
    },
    "geo": {
        **_attributes(
            "int",
            cityId="city_id",
            continentId="continent_id",
            countryId="country_id",
            metroCode="metro_code",
            mostSpecificSubdivisionId="most_specific_subdivision_id",
            registeredCountryId="registered_country_id",
            representedCountryId="represented_country_id",
            autonomousSystemNumber="autonomous_system_number",
        ),
        **_attributes(
            "string",
            cityName="city_name",
            continentCode="continent_code",
            continentName="continent_name",
            countryCode="country_code",
            countryName="country_name",
            timeZone="time_zone",
            mostSpecificSubdivisionCode="most_specific_subdivision_code",
            mostSpecificSubdivisionName="most_specific_subdivision_name",
            postalCode="postal_code",
            registeredCountryCode="registered_country_code",
            registeredCountryName="registered_country_name",
            representedCountryCode="represented_country_code",
            representedCountryName="represented_country_name",
            autonomousSystemOrganization="autonomous_system_organization",
            domain="domain",
            isp="isp",
            organisation="organisation",
        ),
        **_attributes("double", latitude="latitude", longitude="longitude"),
        **_attributes("strings", subdivisionCodes="subdivision_codes", subdivisionNames="subdivision_names"),
        **_attributes("ints", subdivisionIds="subdivision_ids"),
        **_attributes("boolean", anonymousProxy="anonymous_proxy", satelliteProvider="satellite_provider"),
    },
}

USER_AGENT = FUNCTIONS[None]["userAgentString"]

# `parse P to NAME`: the type and the Python that reads a text.
PARSERS = {
    "int32": Function("int", "int32({0})"),
    "int64": Function("long", "int64({0})"),
    "fp32": Function("float", "fp32({0})"),
    "fp64": Function("double", "fp64({0})"),
    "bool": Function("boolean", "boolean({0})"),
    "uri": Function("uri", "uri({0})"),
}

# What a digest's result may be written as: bytes, and three kinds of text.
DIGESTS = {
    "result": "{0}",
    "toHexLower": "{0}.hex()",
    "toHexUpper": "{0}.hex().upper()",
    "toBase64": "base64({0})",
}

# What takes actions or makes a value from other values; `builder` has a method for each.
COMMANDS = (
    "cookie",
    "digest",
    "eventParameter",
    "exit",
    "header",
    "ip2geo",
    "map",
    "match",
    "not",
    "parse",
    "section",
    "stop",
    "userAgent",
    "when",
)
