// Asks the page's own address anew whenever a fact is set, and puts what comes back in place of the old answer. Without
// this the button of the form does the same. Nothing is loaded from elsewhere, nothing is kept.

const byId = (id) => document.getElementById(id);
let asked = new AbortController();
let answered = address(byId("what-if"));

/** The address that supposes what the form says; an empty field supposes nothing. */
function address(form) {
  const query = new URLSearchParams();
  for (const [name, text] of new FormData(form)) {
    if (text.trim() !== "") query.append(name, text.trim());
  }
  const lang = new URLSearchParams(location.search).get("lang");
  if (lang !== null) query.set("lang", lang);
  const said = query.toString();
  return location.pathname + (said === "" ? "" : `?${said}`);
}

/** What the answer says of a field, beside the same field of this page, which keeps its focus and its text. */
function sayBeside(field, fresh) {
  for (const name of ["aria-invalid", "aria-describedby"]) {
    if (fresh.hasAttribute(name)) field.setAttribute(name, fresh.getAttribute(name));
    else field.removeAttribute(name);
  }
  field.parentElement.querySelector(".said")?.remove();
  const said = fresh.parentElement.querySelector(".said");
  if (said !== null) field.after(said);
}

function names(form) {
  return Array.from(form.elements, (each) => each.name ?? "").join(" ");
}

/** Whatever was answered before is taken away: an old answer beside new facts would be wrong. */
function showFailure(told) {
  byId("answer").replaceChildren(...told);
  byId("what-if-status").textContent = byId("what-if-status").dataset.failed;
}

function show(page, url) {
  const answer = page.getElementById("answer");
  if (answer === null) {
    showFailure(page.querySelectorAll("#main [role=alert]"));
    return;
  }
  history.replaceState(null, "", url);
  answered = url;
  document.title = page.title;
  byId("answer").replaceChildren(...answer.childNodes);
  const form = byId("what-if");
  const fresh = page.getElementById("what-if");
  if (names(form) === names(fresh)) {
    for (const field of fresh.querySelectorAll("select, input")) sayBeside(byId(field.id), field);
    byId("what-if-problems").replaceChildren(...page.getElementById("what-if-problems").childNodes);
  } else {
    // Another site has other structures at risk: the form is another one.
    const focused = document.activeElement?.name;
    form.replaceWith(fresh);
    if (focused) fresh.elements.namedItem(focused)?.focus();
  }
  byId("what-if-status").textContent = page.getElementById("what-if-status").textContent;
}

async function update() {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  const url = address(byId("what-if"));
  byId("answer").setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, { signal, headers: { Accept: "text/html" } });
    show(new DOMParser().parseFromString(await response.text(), "text/html"), url);
  } catch (error) {
    if (signal.aborted) return;
    showFailure([]);
    throw error;
  } finally {
    if (!signal.aborted) byId("answer").removeAttribute("aria-busy");
  }
}

// While a number is typed the old answer stands beside it: it is shown as one that is no longer asked for.
document.addEventListener("input", (event) => {
  const form = event.target.closest("#what-if");
  if (form === null) return;
  if (address(form) === answered) byId("answer").removeAttribute("aria-busy");
  else byId("answer").setAttribute("aria-busy", "true");
});
document.addEventListener("change", (event) => {
  if (event.target.closest("#what-if") !== null) update();
});
document.addEventListener("submit", (event) => {
  if (event.target.id !== "what-if") return;
  event.preventDefault();
  update();
});
