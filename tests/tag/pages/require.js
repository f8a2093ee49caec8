// As much of RequireJS as these pages use: a script that is fetched for a module bears its name as an attribute, and
// a definition without a name belongs to the script that ran last. A name that is an address already stays as it is.
(function (window) {
  'use strict';

  var paths = {};
  var modules = {};
  var defined = null;

  function load(name, done) {
    if (name in modules) {
      done(modules[name]);
      return;
    }
    var script = document.createElement('script');
    script.async = true;
    script.setAttribute('data-requiremodule', name);
    script.src = /:|\.js$/.test(name) ? name : (paths[name] || name) + '.js';
    script.onload = function () {
      modules[name] = defined ? defined() : undefined;
      defined = null;
      done(modules[name]);
    };
    document.head.appendChild(script);
  }

  window.require = window.requirejs = function (names, callback) {
    var found = [];
    var missing = names.length;
    names.forEach(function (name, i) {
      load(name, function (module) {
        found[i] = module;
        missing -= 1;
        if (!missing) {
          callback.apply(null, found);
        }
      });
    });
  };
  window.require.config = function (settings) {
    paths = settings.paths;
  };
  window.define = function (name, dependencies, factory) {
    if (typeof name === 'string') {
      modules[name] = factory();
    } else {
      if (defined) {
        throw new Error('Mismatched anonymous define()');
      }
      defined = name;
    }
  };
  window.define.amd = {};
}(window));
