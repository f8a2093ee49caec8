// The sample page: each click on a technology becomes an event of the collector.
//
// This script is small, comes from the page's own server and runs before there is a button, so that no click is
// lost: what is clicked before the collector's tag is there waits in `log` and is signalled afterwards. The tag may
// come late, or not at all at first (the collector is just starting): it is asked for again and again.
(function () {
  'use strict';

  const collector = document.documentElement.dataset.collector;
  const FIRST_PAUSE = 500; // milliseconds until the tag is asked for again; doubles up to the longest
  const LONGEST_PAUSE = 8000;
  const SHOWN = 6; // entries of the log on the page

  // All clicks, oldest first: {technology, at: when it was handed to the tag, or null, state: what became of it}.
  const log = [];

  // Whether the collector waits for the visitor's word, and there is none yet.
  function undecided() {
    return Boolean(window.divolte && window.divolte.consent && window.divolte.consent() === null);
  }

  // The tag returns no id for an event that it may not send: the browser, or the visitor, does not want it.
  function send(entry) {
    const id = window.divolte.signal('click', {technology: entry.technology});
    entry.at = new Date();
    entry.state = id === null ? 'not sent' : undecided() ? 'waiting' : 'sent';
  }

  function decide(agreed) {
    const counts = window.divolte.consent(agreed);
    for (const entry of log.filter((found) => found.state === 'waiting')) {
      entry.state = counts ? 'sent' : 'not sent';
    }
    show();
  }

  function click(technology) {
    const entry = {technology: technology, at: null, state: 'waiting'};
    log.push(entry);
    if (window.divolte) {
      send(entry);
    }
    show();
  }

  function tagIsThere() {
    log.filter((entry) => entry.at === null).forEach(send);
    show();
  }

  function loadTag(pause) {
    const script = document.createElement('script');
    const again = function () {
      script.remove();
      window.setTimeout(loadTag, pause, Math.min(2 * pause, LONGEST_PAUSE));
    };
    script.src = collector + '/divolte.js';
    script.onload = () => (window.divolte ? tagIsThere() : again());
    script.onerror = again;
    document.head.appendChild(script);
  }

  // ---- What the page shows ------------------------------------------------------------------------------------

  const time = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit'});

  function line(entry) {
    const item = document.createElement('li');
    const name = document.createElement('strong');
    name.textContent = entry.technology;
    item.append(name, ' \u2013 ' + entry.state + (entry.state === 'sent' ? ' ' + time.format(entry.at) : ''));
    item.className = entry.state === 'sent' ? 'done' : 'waiting';
    return item;
  }

  function show() {
    const list = document.querySelector('#log ol');
    if (!list) {
      return; // the page is still being read; it is shown when that is done
    }
    const status = document.getElementById('status');
    document.getElementById('total').textContent = String(log.length);
    document.getElementById('question').hidden = !undecided();
    const silent = log.length > 0 && log[log.length - 1].state === 'not sent';
    status.textContent = !window.divolte
      ? 'Waiting for the collector'
      : silent ? 'You do not want to be counted: nothing is sent' : 'Connected to the collector';
    status.className = window.divolte && !silent ? 'done' : 'waiting';
    list.replaceChildren(...log.slice(-SHOWN).reverse().map(line));
    for (const button of document.querySelectorAll('[data-technology]')) {
      const count = log.filter((entry) => entry.technology === button.dataset.technology).length;
      if (count) {
        button.dataset.count = String(count);
      }
    }
  }

  document.addEventListener('click', function (event) {
    const button = event.target.closest('[data-technology]');
    if (button) {
      click(button.dataset.technology);
      button.classList.remove('clicked');
      void button.offsetWidth; // so that the animation begins anew
      button.classList.add('clicked');
    }
  });
  document.addEventListener('DOMContentLoaded', function () {
    for (const button of document.querySelectorAll('[data-agreed]')) {
      button.addEventListener('click', () => decide(button.dataset.agreed === 'true'));
    }
    show();
  });
  loadTag(FIRST_PAUSE);
}());
