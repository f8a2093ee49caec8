// The tag: what a page loads from the collector to report what its visitors do.
//
// The law of this file:
// - It speaks Divolte's API and wire protocol, so that a page written for Divolte goes on unchanged.
// - ECMAScript 5 only, no dependencies, nothing on the page is touched except `divolte` and two cookies.
// - No exception leaves it but Divolte's: texts, thrown where the tag can't start or a value can't be sent.
//   What a page forbids (cookies, images, connections) it does without.
// - A constant that the collector decides stands in quotes, between pairs of @, and is replaced with them.
// - What stands between `// if NAME` and `// end` is left out unless NAME is switched on (tag/__init__.py): all that
//   Divolte's tag did not do for privacy.
// - It is served minified unless the source is configured with `debug`. A test compares both, token by token.
(function (window) {
  'use strict';

  var SCRIPT_NAME = '@@script_name@@';
  var EVENT_SUFFIX = '@@event_suffix@@';
  var PARTY_COOKIE = '@@party_cookie@@';
  var PARTY_SECONDS = '@@party_timeout_s@@';
  var SESSION_COOKIE = '@@session_cookie@@';
  var SESSION_SECONDS = '@@session_timeout_s@@';
  var COOKIE_DOMAIN = '@@cookie_domain@@';
  // How long one event may keep the next one waiting.
  var EVENT_TIMEOUT = '@@event_timeout_ms@@';
  var AUTO_PAGE_VIEW = '@@auto_page_view@@';
  var LOGGING = '@@logging@@';
  // if consent_cookie
  var CONSENT_COOKIE = '@@consent_cookie@@';
  var CONSENT_SECONDS = '@@consent_timeout_s@@';
  // end
  // if party_lifetime
  var PARTY_LIFETIME = '@@party_lifetime_s@@';
  // end
  // if consent
  // Events that wait for the visitor's word; a page that is open for days must not fill the memory.
  var MOST_HELD = 500;
  // end

  // An event that was refused (the collector answers 503 while it can't store events) is tried again after
  // these pauses: long enough for a broker's restart. Then it is given up: a blocked collector looks the same.
  var RETRY_PAUSES = [1000, 3000, 9000];

  var document = window.document;

  // A page may hold several tags, or bring an object of its own: the first one stays. (Modules, see below, are
  // independent of each other.)
  if (typeof window.divolte === 'object' && window.divolte) {
    log('there is a divolte on this page already; it stays');
    return;
  }

  function log(message) {
    if (LOGGING && window.console) {
      window.console.log('divolte: ' + message);
    }
  }

  // ---- Where this script came from; events go there too ---------------------------------------------------

  function namedLikeUs(url) {
    var path = url.split(/[?#]/)[0];
    return path.slice(path.lastIndexOf('/') + 1) === SCRIPT_NAME.slice(SCRIPT_NAME.lastIndexOf('/') + 1);
  }

  // A tag that stands in the page itself has an empty `src`: its events go to where the page lies.
  function findScript() {
    var current = document.currentScript;
    if (current && typeof current.src === 'string') {
      return current;
    }
    var scripts = document.getElementsByTagName('script');
    var found = null;
    for (var i = 0; i < scripts.length; i++) {
      if (scripts[i].src && namedLikeUs(scripts[i].src)) {
        if (found && found.src !== scripts[i].src) {
          throw 'divolte: several scripts are called ' + SCRIPT_NAME + '; which one is this?';
        }
        found = scripts[i];
      }
    }
    if (!found) {
      throw 'divolte: no script on this page is called ' + SCRIPT_NAME;
    }
    return found;
  }

  var script = findScript();
  var scriptUrl = script.src;
  var scriptPath = scriptUrl.split(/[?#]/)[0];
  var eventUrl = scriptPath.slice(0, scriptPath.lastIndexOf('/') + 1) + EVENT_SUFFIX;

  // The page view id that the server wrote behind the script's #, or nothing.
  var hashAt = scriptUrl.indexOf('#');
  var serverPageView = hashAt < 0 ? '' : scriptUrl.slice(hashAt + 1);
  if (serverPageView.indexOf('/') >= 0) {
    throw 'divolte: the page view id behind # may not hold a slash: ' + serverPageView;
  }

  // ---- Identifiers ----------------------------------------------------------------------------------------

  // 32 characters of 6 random bits each: more than any two visitors will ever share. The mark `!` at the end
  // tells ids made without a good source of randomness from the others.
  function randomId() {
    var alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~_';
    var crypto = window.crypto || window.msCrypto;
    var good = !!(crypto && crypto.getRandomValues && window.Uint8Array);
    var bytes = good ? crypto.getRandomValues(new window.Uint8Array(32)) : [];
    var id = '';
    for (var i = 0; i < 32; i++) {
      id += alphabet.charAt(good ? bytes[i] & 63 : Math.floor(Math.random() * 64));
    }
    return good ? id : id + '!';
  }

  var loadTime = new Date().getTime().toString(36);

  function timedId() {
    return '0:' + loadTime + ':' + randomId();
  }

  // Calls `access`, which reads or writes cookies, and returns what it returns; '' where there are none: in a
  // frame with an origin of its own even asking for them is an error.
  function withCookies(access) {
    try {
      return access();
    } catch (error) {
      log('no cookies: ' + error);
      return '';
    }
  }

  // if cookies
  // The cookie's value if it has this form, or null. Of several with one name (a host's and a domain's) the last
  // one counts.
  function readCookie(name, form) {
    var cookies = withCookies(function () { return document.cookie; }).split(/;\s*/);
    for (var i = cookies.length - 1; i >= 0; i--) {
      if (cookies[i].slice(0, name.length + 1) === name + '=') {
        var value = cookies[i].slice(name.length + 1);
        if (form.test(value)) {
          return value;
        }
      }
    }
    return null;
  }

  // The cookie's identifier, or null. What the collector would refuse counts as absent: a broken cookie would
  // otherwise hide its visitor for years.
  function readId(name) {
    return readCookie(name, /^0:[+-]?[0-9a-z]+:[^:]*$/i);
  }

  // end

  function writeCookie(name, value, seconds) {
    var cookie = name + '=' + value + '; path=/' +
      '; expires=' + new Date(new Date().getTime() + seconds * 1000).toUTCString() +
      '; max-age=' + seconds +
      // if cookie_attributes
      '@@cookie_attributes@@' +
      // end
      (COOKIE_DOMAIN ? '; domain=' + COOKIE_DOMAIN : '');
    withCookies(function () { return document.cookie = cookie; });
  }

  // if party_lifetime
  // How many seconds an identifier may still be kept: its second part is when it was made.
  function secondsLeft(id) {
    var age = (new Date().getTime() - parseInt(id.split(':')[1], 36)) / 1000;
    return PARTY_LIFETIME - Math.max(0, Math.floor(age));
  }

  // end
  // if forgetting
  function forgetVisitor() {
    writeCookie(PARTY_COOKIE, '', 0);
    writeCookie(SESSION_COOKIE, '', 0);
  }

  // end
  // if gate
  // ---- Whether the visitor may be watched -----------------------------------------------------------------

  // if opt_out
  // Whether the browser says that its user does not want to be watched. That counts whatever the page says.
  function optedOut() {
    var navigator = window.navigator;
    // if global_privacy_control
    if (navigator.globalPrivacyControl) {
      return true;
    }
    // end
    // if do_not_track
    // Older browsers had it in other places and in other words.
    if (/^(1|yes)$/.test(navigator.doNotTrack || window.doNotTrack || navigator.msDoNotTrack)) {
      return true;
    }
    // end
    return false;
  }

  // end
  // true, false, or null while the visitor has not said. Only with true anything is sent, read or kept.
  var allowed = true;
  // if consent
  allowed = null;
  // Events that wait for the visitor's word.
  var held = [];
  // if consent_cookie
  var lastWord = readCookie(CONSENT_COOKIE, /^[01]$/);
  allowed = lastWord && lastWord === '1';
  // end
  // end
  // if opt_out
  if (optedOut()) {
    allowed = false;
  }
  // end
  if (allowed === false) {
    forgetVisitor();
  }

  // end
  // if cookieless
  // Cookies from before.
  forgetVisitor();

  // end

  // ---- mincode: JSON values, short in a URL ---------------------------------------------------------------

  function escapeText(text) {
    return text.replace(/[~!]/g, '~$&');
  }

  // A whole number goes in base 36 unless its decimal or exponential form is shorter.
  function mincodeNumber(number) {
    var decimal = String(number);
    var exponential = number.toExponential();
    var shorter = exponential.length < decimal.length ? exponential : decimal;
    var digits = number.toString(36);
    return number % 1 === 0 && digits.length <= shorter.length ? ['d', digits + '!'] : ['j', shorter + '!'];
  }

  // The type's letter and what follows it; null for what JSON leaves out. They are apart because a member's
  // name stands between them.
  function mincodeParts(value) {
    switch (typeof value) {
    case 'string':
      return ['s', escapeText(value) + '!'];
    case 'boolean':
      return [value ? 't' : 'f', ''];
    case 'number':
      return isFinite(value) ? mincodeNumber(value) : ['n', ''];
    case 'undefined':
      return null;
    case 'object':
      if (value === null) {
        return ['n', ''];
      }
      if (typeof value.toJSON === 'function') {
        return mincodeParts(value.toJSON());
      }
      return Array.isArray(value) ? ['a', mincodeItems(value) + '.'] : ['(', mincodeMembers(value) + ')'];
    default:
      throw 'divolte: a ' + typeof value + ' can not be sent in an event';
    }
  }

  function mincodeItems(array) {
    var text = '';
    for (var i = 0; i < array.length; i++) {
      text += (mincodeParts(array[i]) || ['n', '']).join('');
    }
    return text;
  }

  function mincodeMembers(object) {
    return Object.keys(object).map(function (name) {
      var parts = mincodeParts(object[name]);
      return parts ? parts[0] + escapeText(name) + '!' + parts[1] : '';
    }).join('');
  }

  function mincode(value) {
    var parts = mincodeParts(value);
    return parts ? parts.join('') : undefined;
  }

  // ---- The checksum: MurmurHash3 (x86, 32 bits, seed 0) over the parameters' UTF-8 ------------------------

  var multiply = Math.imul || function (a, b) {
    return ((a & 0xffff) * b + (((a >>> 16) * b & 0xffff) << 16)) | 0;
  };

  function rotate(x, bits) {
    return (x << bits) | (x >>> (32 - bits));
  }

  function mixBlock(block) {
    return multiply(rotate(multiply(block, 0xcc9e2d51), 15), 0x1b873593);
  }

  function murmur3(text) {
    // One character per byte of the UTF-8 form.
    var bytes = unescape(encodeURIComponent(text));
    var hash = 0;
    var block = 0;
    for (var i = 0; i < bytes.length; i++) {
      block |= bytes.charCodeAt(i) << ((i & 3) * 8);
      if ((i & 3) === 3) {
        hash = (multiply(rotate(hash ^ mixBlock(block), 13), 5) + 0xe6546b64) | 0;
        block = 0;
      }
    }
    hash ^= mixBlock(block);
    hash ^= bytes.length;
    hash = multiply(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = multiply(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  // ---- An event's query string ----------------------------------------------------------------------------

  // Half of a surrogate pair has no UTF-8 form, and encodeURIComponent throws over it.
  function wellFormed(text) {
    return text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, function (found) {
      return found.length === 2 ? found : '\ufffd';
    });
  }

  // A parameter's value: numbers are written in base 36. (So 1.5 is `1.i`.)
  function parameter(value) {
    return typeof value === 'number' ? value.toString(36) : wellFormed(String(value));
  }

  // `pairs` is [[name, value], ...] in the order of the URL; undefined values are left out. The checksum,
  // itself the parameter x, covers the others in the order of their names.
  function queryString(pairs) {
    var present = pairs.filter(function (pair) {
      return pair[1] !== undefined;
    }).map(function (pair) {
      return [pair[0], parameter(pair[1])];
    });
    var sorted = present.slice().sort(function (a, b) {
      return a[0] < b[0] ? -1 : 1;
    });
    var checksum = murmur3(sorted.map(function (pair) {
      return pair[0] + '=' + pair[1] + ',;';
    }).join(''));
    return present.concat([['x', checksum.toString(36)]]).map(function (pair) {
      return pair[0] + '=' + encodeURIComponent(pair[1]);
    }).join('&');
  }

  // ---- Delivery: one event at a time, in order ------------------------------------------------------------
  //
  // An image is the request that every browser and every page's security policy for Divolte allows, and its
  // onload and onerror tell a stored event from a refused one. An event leaves `queue` when it was answered,
  // given up or timed out; only the first one is ever under way.

  var queue = [];
  // The attempt under way, or null. What an attempt reports after it was replaced is too late for the queue.
  var attempt = null;
  // The timer of the pause before the next try, or null.
  var pause = null;
  // An event was given up and none was stored since: one try each, so that a blocked collector costs little.
  var hopeless = false;
  // Between pagehide and pageshow nothing can wait for an answer.
  var leaving = false;
  // Page views of this page: none until it is seen, and another each time the back button brings it back.
  var pageViews = 0;
  // How many events were ever put into the queue.
  var queued = 0;
  // Callbacks of whenCommitted: {upTo: how many events it waits for, run: function, timer: its limit}.
  var waiting = [];

  function enqueue(event) {
    // if gate
    if (!allowed) {
      return;
    }
    // end
    queue.push(event);
    queued++;
    deliverNext();
  }

  function releaseWaiting() {
    var done = queued - queue.length;
    waiting = waiting.filter(function (waiter) {
      // While events are refused there is no telling how long it will take: nobody is kept waiting.
      if (waiter.upTo > done && pause === null) {
        return true;
      }
      window.setTimeout(waiter.run, 0);
      return false;
    });
  }

  function deliverNext() {
    if (attempt || pause !== null || leaving || !queue.length) {
      return;
    }
    var event = queue[0];
    var mine = attempt = {pageView: pageViews, timer: window.setTimeout(timedOut, EVENT_TIMEOUT)};
    var image = new window.Image(1, 1);
    event.tries++;
    image.onload = function () {
      hopeless = false;
      if (mine === attempt) {
        finish();
      }
    };
    image.onerror = function () {
      if (mine === attempt) {
        refused(event);
      } else if (mine.pageView === pageViews && !leaving && mayTryAgain(event)) {
        // Refused after its time was up: it queues again, behind the events that overtook it.
        enqueue(event);
      }
    };
    image.src = event.url;

    function timedOut() {
      log('no answer within ' + EVENT_TIMEOUT + ' ms, going on: ' + event.id);
      finish();
    }
  }

  function stopAttempt() {
    window.clearTimeout(attempt.timer);
    attempt = null;
  }

  // The first event is done with: on to the next one.
  function finish() {
    stopAttempt();
    queue.shift();
    releaseWaiting();
    deliverNext();
  }

  function mayTryAgain(event) {
    return !hopeless && event.tries <= RETRY_PAUSES.length;
  }

  function refused(event) {
    if (!mayTryAgain(event)) {
      log('given up: ' + event.id);
      hopeless = true;
      finish();
      return;
    }
    log('refused, trying again: ' + event.id);
    stopAttempt();
    // Spread, so that the visitors of a collector that comes back don't all return in the same moment.
    pause = window.setTimeout(function () {
      pause = null;
      deliverNext();
    }, RETRY_PAUSES[event.tries - 1] * (0.75 + Math.random() / 2));
    releaseWaiting();
  }

  // The browser drops a page's image requests with the page, but lets a keepalive fetch end. GET, because the
  // collector takes nothing else (sendBeacon always posts). The event under way is sent once more, as nobody
  // knows how far it got: it keeps its event id, so the collector recognises a second arrival.
  function sendLast(event) {
    if (window.fetch && window.Request && 'keepalive' in window.Request.prototype) {
      var options = {mode: 'no-cors', keepalive: true, credentials: 'include', cache: 'no-store'};
      window.fetch(event.url, options).then(null, function (error) {
        log('not sent while leaving: ' + event.id + ' (' + error + ')');
      });
    } else {
      new window.Image(1, 1).src = event.url;
    }
  }

  function leave() {
    leaving = true;
    window.clearTimeout(pause);
    pause = null;
    if (attempt) {
      stopAttempt();
    }
    queue.forEach(sendLast);
    queue = [];
    // A callback often goes to another page. Should this page come back, it must not do so again.
    waiting.forEach(function (waiter) {
      window.clearTimeout(waiter.timer);
    });
    waiting = [];
  }

  // ---- The API --------------------------------------------------------------------------------------------

  var knownParty = null;
  var knownSession = null;
  // if cookies
  // if gate
  if (allowed) {
  // end
    knownParty = readId(PARTY_COOKIE);
    knownSession = readId(SESSION_COOKIE);
  // if gate
  }
  // end
  // if party_lifetime
  if (knownParty && secondsLeft(knownParty) <= 0) {
    knownParty = knownSession = null;
  }
  // end
  // end
  // Who looks, in which session and page view.
  var partyId = knownParty || timedId();
  var sessionId = knownSession || timedId();
  var pageViewId = serverPageView || null;
  // What the next event says.
  var newParty = !knownParty;
  var firstInSession = !knownSession;
  var eventCount = 0;

  // For the page to read; the flags describe how it was loaded, for as long as it lives.
  var divolte = {
    partyId: partyId,
    sessionId: sessionId,
    pageViewId: pageViewId,
    isNewPartyId: newParty,
    isFirstInSession: firstInSession,
    isServerPageView: !!serverPageView,
    // if consent
    consent: consent,
    // end
    signal: signal,
    whenCommitted: whenCommitted
  };

  function viewport(side) {
    return window['inner' + side] || document.documentElement['client' + side];
  }

  // if consent
  // Tells the visitor's word: `consent(true)` or `consent(false)`, at any time and again. Returns what counts then:
  // true, false, or null while there is no word, which is also the answer to `consent()`.
  function consent(word) {
    if (word === undefined) {
      return allowed;
    }
    // if opt_out
    if (optedOut()) {
      log('consent does not count: the browser says that it is not given');
      return false;
    }
    // end
    var before = allowed;
    allowed = word === true;
    // if consent_cookie
    writeCookie(CONSENT_COOKIE, allowed ? '1' : '0', CONSENT_SECONDS);
    // end
    log('consent: ' + allowed);
    var released = held;
    held = [];
    if (!allowed) {
      withdraw();
    } else if (before === null) {
      // if cookies
      keepVisitor();
      // end
      released.forEach(enqueue);
    } else if (!before && pageViews) {
      beginPageView();
    }
    return allowed;
  }

  // if consent_cookie
  // What the visitor said in another tab counts here, too.
  function heedOtherTabs() {
    var word = readCookie(CONSENT_COOKIE, /^[01]$/);
    if (word && allowed !== (word === '1')) {
      consent(word === '1');
    }
  }

  // end
  // Nothing more is sent, and nothing is kept; who agrees later is somebody new.
  function withdraw() {
    forgetVisitor();
    if (attempt) {
      stopAttempt();
    }
    window.clearTimeout(pause);
    pause = null;
    queue = [];
    releaseWaiting();
    divolte.partyId = partyId = timedId();
    divolte.sessionId = sessionId = timedId();
    newParty = firstInSession = true;
  }

  // end
  // if cookies
  // Lets both cookies live on from now.
  function keepVisitor() {
    // if gate
    if (!allowed) {
      return;
    }
    // end
    var partySeconds = PARTY_SECONDS;
    // if party_lifetime
    partySeconds = Math.min(partySeconds, secondsLeft(partyId));
    // end
    writeCookie(PARTY_COOKIE, partyId, partySeconds);
    writeCookie(SESSION_COOKIE, sessionId, SESSION_SECONDS);
  }

  // end
  // Reports an event. `type` is its name, `parameters` any value that JSON can hold. Returns the event's id,
  // or null if nothing is sent: without a type, or without the visitor's leave. The first one begins the page view, if that still waits.
  function signal(type, parameters) {
    if (!type) {
      log('an event without a type is not sent');
      return null;
    }
    // if consent_cookie
    heedOtherTabs();
    // end
    // if gate
    if (allowed === false) {
      log('not sent, for the visitor does not want it: ' + type);
      return null;
    }
    // end
    // First of all, since it may throw: nothing has happened then.
    var custom = mincode(parameters);
    if (!pageViews) {
      beginPageView();
    }
    var screen = window.screen || {};
    var id = pageViewId + eventCount.toString(16);
    eventCount++;
    // if cookies
    keepVisitor();
    // end
    var event = {id: id, tries: 0, url: eventUrl + '?' + queryString([
      ['p', partyId],
      ['s', sessionId],
      ['v', pageViewId],
      ['e', id],
      ['c', new Date().getTime()],
      ['n', newParty ? 't' : 'f'],
      ['f', firstInSession ? 't' : 'f'],
      ['l', window.location.href],
      ['r', document.referrer || undefined],
      ['i', screen.availWidth],
      ['j', screen.availHeight],
      ['k', window.devicePixelRatio],
      ['w', viewport('Width')],
      ['h', viewport('Height')],
      ['t', type],
      ['u', custom]
    ])};
    newParty = firstInSession = false;
    log(type + ' ' + id);
    // if consent
    if (allowed === null) {
      if (held.length < MOST_HELD) {
        held.push(event);
      }
      return id;
    }
    // end
    if (leaving) {
      sendLast(event);
    } else {
      enqueue(event);
    }
    return id;
  }

  // Runs `callback` once, when every event signalled so far has had its answer or its time, or when the
  // collector refuses events, but after `timeoutMs` milliseconds at the latest, if given. It is never run
  // before this function has returned.
  function whenCommitted(callback, timeoutMs) {
    var waiter = {upTo: queued, timer: null, run: function () {
      window.clearTimeout(waiter.timer);
      var once = callback;
      callback = null;
      if (typeof once === 'function') {
        once();
      }
    }};
    if (timeoutMs !== undefined) {
      waiter.timer = window.setTimeout(waiter.run, timeoutMs);
    }
    waiting.push(waiter);
    releaseWaiting();
  }

  // ---- Page views -----------------------------------------------------------------------------------------

  // An id that the server gave goes on being this page's: its events count on, no two with one id.
  function beginPageView() {
    pageViews++;
    if (!serverPageView) {
      divolte.pageViewId = pageViewId = '0:' + randomId();
      eventCount = 0;
    }
    log('page view ' + pageViewId);
    if (AUTO_PAGE_VIEW) {
      signal('pageView');
    }
  }

  // A page in a background tab, or loaded ahead, is not viewed before somebody sees it.
  function whenSeen() {
    if (!document.hidden) {
      document.removeEventListener('visibilitychange', whenSeen);
      if (!pageViews) {
        beginPageView();
      }
    }
  }

  log('events go to ' + eventUrl);
  log((knownParty ? 'party ' : 'new party ') + partyId);
  log((knownSession ? 'session ' : 'new session ') + sessionId);

  // The API is there before the first page view: a page's own script may use it while that waits. It is a
  // module where the page has a system of them. A loader that fetched this script gives the module its name.
  // Beside RequireJS a plain script tag must not leave the name out, and its page expects `divolte`.
  if (typeof define === 'function' && define.amd) {
    if (window.requirejs && !script.getAttribute('data-requiremodule')) {
      window.divolte = divolte;
      define('divolte', [], function () { return divolte; });
    } else {
      define(function () { return divolte; });
    }
  } else if (typeof module === 'object' && module && module.exports) {
    module.exports = divolte;
  } else {
    window.divolte = divolte;
  }

  document.addEventListener('visibilitychange', whenSeen);
  whenSeen();

  // The back button may bring the page back as it was left, script and all: that is a new page view.
  window.addEventListener('pagehide', leave);
  window.addEventListener('pageshow', function () {
    if (leaving) {
      leaving = false;
      beginPageView();
    }
  });
}(window));
