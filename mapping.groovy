// Which value of an event goes into which field of the record.
//
//   map PRODUCER onto 'field'
//
// The field must be in the schema (divolte/DefaultEventRecord.avsc) and of the producer's type. A producer that has
// nothing to give leaves the field alone: it keeps its default. Where two lines map onto one field, the later one
// that has a value wins.
//
// To record something of your own, say the price in `divolte.signal('order', {price: 9.95})`:
//   1. add to the schema                {"name": "price", "type": ["null", "double"], "default": null}
//   2. add to supervisor-spec.json      the same field, and a dimension {"type": "double", "name": "price"}
//   3. add here                         map eventParameters().path('$.price') onto 'price'
//   4. type                             pyglue up

mapping {
  // What the collector found: sent twice? damaged on its way? the first event of a visit?
  map duplicate() onto 'detectedDuplicate'
  map corrupt() onto 'detectedCorruption'
  map firstInSession() onto 'firstInSession'

  // When: by the collector's clock and by the visitor's, in milliseconds.
  map timestamp() onto 'timestamp'
  map clientTimestamp() onto 'clientTimestamp'

  // Where from, and on which page.
  map remoteHost() onto 'remoteHost'
  map referer() onto 'referer'
  map location() onto 'location'

  map viewportPixelWidth() onto 'viewportPixelWidth'
  map viewportPixelHeight() onto 'viewportPixelHeight'
  map screenPixelWidth() onto 'screenPixelWidth'
  map screenPixelHeight() onto 'screenPixelHeight'

  // Who: the visitor (a cookie of 13 months), the visit (30 minutes), the page view.
  map partyId() onto 'partyId'
  map sessionId() onto 'sessionId'
  map pageViewId() onto 'pageViewId'

  // What: 'pageView', or the first argument of divolte.signal(...).
  map eventType() onto 'eventType'
  map eventId() onto 'eventId'

  // With what: the browser's own description, and what can be read from it.
  map userAgentString() onto 'userAgentString'
  map userAgent().name() onto 'userAgentName'
  map userAgent().family() onto 'userAgentFamily'
  map userAgent().vendor() onto 'userAgentVendor'
  map userAgent().type() onto 'userAgentType'
  map userAgent().version() onto 'userAgentVersion'
  map userAgent().deviceCategory() onto 'userAgentDeviceCategory'
  map userAgent().osFamily() onto 'userAgentOsFamily'
  map userAgent().osVersion() onto 'userAgentOsVersion'
  map userAgent().osVendor() onto 'userAgentOsVendor'

  // The parameters of divolte.signal('click', {technology: 'Kafka'}). A path leads to nothing where the parameter is
  // missing, so the field stays null; eventParameters().value('technology') would give an empty text there.
  map eventParameters().path('$.technology') onto 'technology'
  map eventParameters().path('$.variant') onto 'variant'
  // All of them, as texts by name; nothing where one of them holds an object or a list.
  map eventParameters() onto 'eventParameters'

  // The page without its query; the advertisement that led here; the site that the visitor came from.
  def page = parse location() to uri
  map page.path() onto 'path'
  def query = page.query()
  map query.value('utm_source') onto 'campaignSource'
  map query.value('utm_medium') onto 'campaignMedium'
  map query.value('utm_campaign') onto 'campaignName'
  def origin = parse referer() to uri
  map origin.host() onto 'referrerHost'

  // Robots, and what gave them away. Browsers send the languages of their users; most programs don't. Events from apps
  // (they have no page view) come from programs in any case.
  when pageViewId().isPresent().and(header('Accept-Language').isAbsent()) apply {
    map true onto 'bot'
    map 'no Accept-Language' onto 'botReason'
  }
  when userAgent().type().equalTo('Robot') apply {
    map true onto 'bot'
    map 'user agent' onto 'botReason'
  }
}
