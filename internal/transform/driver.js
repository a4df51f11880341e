// What stands between the engine and a user's script. It runs before the script, in the
// same realm, so it takes what it needs of the realm before anything can be replaced. A
// script can still deceive it, but only about its own result, which the server reads as
// it reads any stranger's input.
(function () {
  "use strict";
  const write = globalThis.__write;
  delete globalThis.__write;
  const { parse, stringify } = JSON;
  const { imul } = Math;
  const text = String;
  const error = Error;
  const RealDate = Date;

  // The clock stands still: the same message at the same time gives the same result.
  let now = 0;
  function FixedDate(...args) {
    if (new.target === undefined) return new RealDate(now).toString();
    return Reflect_construct(RealDate, args.length === 0 ? [now] : args, new.target);
  }
  const Reflect_construct = Reflect.construct;
  FixedDate.prototype = RealDate.prototype;
  FixedDate.now = () => now;
  FixedDate.parse = RealDate.parse;
  FixedDate.UTC = RealDate.UTC;
  Object.defineProperty(RealDate.prototype, "constructor", { value: FixedDate, writable: true, configurable: true });
  Object.defineProperty(FixedDate, "name", { value: "Date" });
  Object.defineProperty(FixedDate, "length", { value: 7 });
  Object.defineProperty(globalThis, "Date", { value: FixedDate, writable: true, configurable: true });

  // sfc32, by Chris Doty-Humphrey (PractRand): 32-bit arithmetic only.
  let a = 0, b = 0, c = 0, d = 1;
  function next() {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  }
  Math.random = () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;

  for (const name of ["performance", "Atomics", "SharedArrayBuffer", "gc", "navigator"]) delete globalThis[name];

  function show(value) {
    if (typeof value === "string") return value;
    if (value instanceof error) return text(value);
    if (typeof value === "object" && value !== null) {
      try {
        const shown = stringify(value);
        if (shown !== undefined) return shown;
      } catch {}
    }
    return typeof value === "function" ? "[function]" : text(value);
  }
  function printer(prefix) {
    return (...values) => {
      let line = prefix;
      for (let i = 0; i < values.length && line.length < 8192; i++) line += (i > 0 ? " " : "") + show(values[i]);
      write(line);
    };
  }
  globalThis.console = {
    log: printer(""), info: printer(""), debug: printer(""), warn: printer("warning: "), error: printer("error: "),
  };

  let input, payload, before;
  function kind(value) { return value === null ? "null" : typeof value; }

  // What begins with "!" is what is wrong with a result, in words. Otherwise a line of JSON,
  // then the payload.
  function result(r, most) {
    if (r === null || typeof r !== "object") return "!handler must return the webhook object, but returned " + kind(r);
    if (typeof r.then === "function") return "!handler must return the webhook object, but returned a promise: it cannot be async";
    if (r.cancel !== undefined && typeof r.cancel !== "boolean") return "!cancel must be true or false, but is " + kind(r.cancel);
    if (r.cancel === true) return '{"cancel":true}\n';
    for (const name of ["method", "url"]) {
      if (typeof r[name] !== "string") return "!" + name + " must be a string, but is " + kind(r[name]);
    }
    const head = { method: r.method, url: r.url };
    if (r.headers !== undefined && r.headers !== null) {
      if (typeof r.headers !== "object" || Array.isArray(r.headers)) return "!headers must be an object of strings, but is " + kind(r.headers);
      head.headers = {};
      for (const name of Object.keys(r.headers)) {
        const value = r.headers[name];
        if (typeof value !== "string") return "!headers." + name + " must be a string, but is " + kind(value);
        head.headers[name] = value;
      }
    }
    const out = r.payload;
    let body = out;
    if (typeof out !== "string") {
      body = stringify(out);
      if (body === undefined) return "!payload must be an object, an array or a string, but is " + kind(out);
    } else {
      head.isText = true;
    }
    if (out === payload && body === before) {
      head.same = true;
      body = "";
    }
    if (body.length > most) return "!payload must have at most " + most + " bytes";
    return stringify(head) + "\n" + body;
  }

  function batch(r, most) {
    if (r === null || typeof r !== "object") return "!handler must return {requestBody}, but returned " + kind(r);
    if (typeof r.requestBody !== "string") return "!requestBody must be a string, but is " + kind(r.requestBody);
    if (r.requestBody.length > most) return "!requestBody must have at most " + most + " bytes";
    return '{"batch":true}\n' + r.requestBody;
  }

  return function (step, ...args) {
    switch (step) {
      case "seed":
        [now, a, b, c] = args;
        for (let i = 0; i < 12; i++) next();
        return;
      case "input": {
        const [meta, body, isText] = args;
        input = parse(meta);
        payload = isText ? body : parse(body);
        before = isText ? body : stringify(payload);
        input.payload = payload;
        return;
      }
      case "events":
        input = parse(args[0]);
        return;
      case "check":
        return typeof handler;
      case "run":
        if (typeof handler !== "function") return "!the code must declare a function named handler";
        return args[0] ? batch(handler(input), args[1]) : result(handler(input), args[1]);
    }
  };
})()
