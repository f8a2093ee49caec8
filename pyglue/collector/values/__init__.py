"""What mapping functions ask: URIs, cookies, headers, numbers, digests and places, each read by Divolte's rules."""
