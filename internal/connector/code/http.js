function handler(webhook) {
  // A text that is nothing but one place keeps the value's own type: a number stays one.
  var alone = /^\{\{\s*([^{}]{1,256}?)\s*\}\}$/;
  var fill = function (value) {
    if (typeof value === "string") {
      var one = alone.exec(value);
      if (!one) return render(webhook, value);
      var found = lookUp(webhook, one[1]);
      return found === undefined ? null : found;
    }
    if (Array.isArray(value)) return value.map(fill);
    if (value !== null && typeof value === "object") {
      var out = {};
      Object.keys(value).forEach(function (name) { out[name] = fill(value[name]); });
      return out;
    }
    return value;
  };
  var path = render(webhook, variable(webhook, "path", ""), encodeURIComponent);
  var body = variable(webhook, "body", "");
  if (body !== "") {
    var parsed;
    try { parsed = JSON.parse(body); } catch (e) { throw new Error("the variable body must be JSON: " + e.message); }
    webhook.payload = fill(parsed);
  }
  if (path !== "") {
    var at = webhook.url.indexOf("?");
    var base = at < 0 ? webhook.url : webhook.url.slice(0, at);
    webhook.url = base.replace(/\/$/, "") + "/" + path.replace(/^\//, "") + (at < 0 ? "" : webhook.url.slice(at));
  }
  return webhook;
}
