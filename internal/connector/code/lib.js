// What the ready connectors share. Texts of variables hold places such as
// {{payload.order.id}}, {{eventType}}, {{id}} and {{payload}}, the last as JSON.
function lookUp(webhook, path) {
  var at = { payload: webhook.payload, eventType: webhook.eventType || "", id: webhook.id || "", timestamp: webhook.timestamp || "" };
  var steps = path.split(".");
  for (var i = 0; i < steps.length; i++) {
    if (at === null || typeof at !== "object" || !Object.prototype.hasOwnProperty.call(at, steps[i])) return undefined;
    at = at[steps[i]];
  }
  return at;
}
function plain(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
var place = /\{\{\s*([^{}]{1,256}?)\s*\}\}/g;
// render puts values into a text, each through escape.
function render(webhook, text, escape) {
  return text.replace(place, function (_, path) {
    var value = plain(lookUp(webhook, path));
    return escape ? escape(value) : value;
  });
}
// variable returns the text of a variable, otherwise where it is missing or empty.
function variable(webhook, name, otherwise) {
  var value = webhook.env && webhook.env[name];
  return value === undefined || value === "" ? otherwise : value;
}
function needed(webhook, name) {
  var value = variable(webhook, name, "");
  if (value === "") throw new Error("the variable " + name + " is missing");
  return value;
}
// cut keeps at most n UTF-16 units, so at most n characters however they are counted.
function cut(text, n) {
  if (text.length <= n) return text;
  var end = n - 1;
  var last = text.charCodeAt(end - 1);
  if (last >= 0xd800 && last <= 0xdbff) end--;
  return text.slice(0, end) + "\u2026";
}
// bytesOf counts UTF-8 by the runs of each length, which the engine finds faster than a loop
// does. A lone surrogate, which JSON escapes, is counted as half a pair.
function bytesOf(text) {
  var rest = text.replace(/[\u0000-\u007f]+/g, "");
  var wide = rest.replace(/[\ud800-\udfff]+/g, "");
  var three = wide.replace(/[\u0080-\u07ff]+/g, "");
  return text.length - rest.length + 2 * (rest.length - three.length) + 3 * three.length;
}
function exceeds(text, max) {
  return text.length > max || text.length * 3 > max && bytesOf(text) > max;
}
// fit shortens text until the JSON of what make(text) returns has at most max bytes.
function fit(text, max, make) {
  text = cut(text, max);
  for (;;) {
    var whole = make(text);
    var json = JSON.stringify(whole);
    if (!exceeds(json, max) || text.length < 2) return whole;
    // Bytes are counted one by one only where the text is short enough for that.
    var size = json.length > max ? json.length : bytesOf(json);
    text = cut(text, Math.max(1, Math.min(text.length - 1, Math.floor(text.length * max / size))));
  }
}
// message is the text of a chat message: never empty, because receivers refuse that.
function message(webhook, otherwise, escape) {
  // No target takes more than 40,000 characters, so a long value is not worked on whole.
  var text = render(webhook, variable(webhook, "text", otherwise), function (value) {
    value = cut(value, 40000);
    return escape ? escape(value) : value;
  });
  return text.trim() === "" ? webhook.eventType || "(no text)" : text;
}
