// The page shows the comments so far, and follows Hookloft's stream from there. The browser comes
// back by itself after an interruption, with the id of the last message (Last-Event-ID).

const list = document.getElementById("comments");
const state = document.getElementById("state");
const form = document.getElementById("form");
const problem = document.getElementById("problem");
const shown = new Set();
const firstWait = 1000, longestWait = 30000; // milliseconds
let wait = firstWait;

// show puts a comment on the page as text, whatever is in it, and once however often it comes.
function show({ id, payload, timestamp }) {
  if (shown.has(id) || !payload.text) return; // content that has expired has no text
  shown.add(id);
  const item = document.createElement("li"), head = document.createElement("p"), text = document.createElement("p");
  const author = document.createElement("strong"), time = document.createElement("time");
  author.textContent = payload.author;
  time.dateTime = timestamp;
  time.textContent = new Date(timestamp).toLocaleTimeString();
  text.textContent = payload.text;
  text.className = "text";
  head.append(author, " ", time);
  item.append(head, text);
  list.append(item);
}

function say(name) {
  state.dataset.state = name;
  state.textContent = name === "live" ? "live" : "offline, trying again";
}

async function begin() {
  try {
    const answer = await fetch("comments");
    if (!answer.ok) throw new Error(answer.status);
    const { comments, stream } = await answer.json();
    (comments ?? []).forEach(show);
    follow(stream);
  } catch {
    again();
  }
}

function again() {
  say("offline");
  setTimeout(begin, wait * (0.75 + Math.random() / 2)); // not all pages at once
  wait = Math.min(2 * wait, longestWait);
}

function follow(url) {
  const events = new EventSource(url);
  events.onopen = () => { say("live"); wait = firstWait; };
  events.onmessage = (e) => show(JSON.parse(e.data));
  events.onerror = () => {
    say("offline");
    // Else the browser tries again. This is a refusal: the token has ended, or there are too many readers.
    if (events.readyState === EventSource.CLOSED) again();
  };
  // What the last message was is not kept any more, so some after it may be gone, too.
  events.addEventListener("missed", () => { events.close(); begin(); });
}

// newID is what makes a comment one, however often it is sent.
const newID = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
let id = newID();
form.text.addEventListener("input", () => { id = newID(); });

form.addEventListener("submit", async (e) => {
  e.preventDefault();
  problem.textContent = "";
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch("comments", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id, author: form.author.value, text: form.text.value }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    form.text.value = "";
    id = newID();
  } catch {
    problem.textContent = "Your comment could not be sent. Please try again in a moment.";
  } finally {
    button.disabled = false;
  }
});

begin();
