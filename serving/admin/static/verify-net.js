/** Requests to the server, and what can come of them. */

const TIMEOUT_MS = 15_000;

/** An answer that was not what we asked for. `again`: the same request may work later. */
export class RequestFailed extends Error {
  /**
   * @param {"away"|"login"|"refused"} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
    this.again = kind !== "refused";
  }
}

/** @returns {string} */
function token() {
  return document.querySelector("meta[name=csrf]")?.getAttribute("content") ?? "";
}

/** Who is logged in, by what a page tells its script. @param {Document} page */
const whoIs = (page) => JSON.parse(page.getElementById("verify-data")?.textContent ?? "{}").me;

/**
 * Take the token of the session that the browser has now: after a new login it is another one. Not that of
 * another person: what this one decided is not sent in their name.
 * @returns {Promise<boolean>} whether it has changed
 */
async function renewToken() {
  const answer = await fetch(location.href, { redirect: "manual", cache: "no-store" });
  if (!answer.ok) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("meta[name=csrf]")?.getAttribute("content");
  if (!fresh || fresh === token() || whoIs(page) !== whoIs(document)) return false;
  document.querySelector("meta[name=csrf]")?.setAttribute("content", fresh);
  return true;
}

/**
 * GET `url`, or POST `body` to it; the answer as JSON. A 409 is an answer too: it tells who was first.
 * @param {string} url
 * @param {object} [body]
 * @param {boolean} [renewed]
 * @returns {Promise<any>}
 */
export async function call(url, body, renewed = false) {
  let answer;
  try {
    answer = await fetch(url, {
      method: body ? "POST" : "GET",
      headers: body ? { "Content-Type": "application/json", "X-CSRF-Token": token() } : {},
      body: body ? JSON.stringify(body) : undefined,
      redirect: "manual",
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new RequestFailed("away", "The server cannot be reached.");
  }
  if (answer.ok || answer.status === 409) return parsed(answer);
  if (answer.type === "opaqueredirect" || answer.status === 401) {
    throw new RequestFailed("login", "Your session has ended.");
  }
  if (answer.status >= 500 || answer.status === 429 || answer.status === 408) {
    throw new RequestFailed("away", `The server is in trouble (${answer.status}).`);
  }
  if (answer.status === 403 && body && !renewed && (await renewToken().catch(() => false))) {
    return call(url, body, true);
  }
  const told = await answer.json().catch(() => ({}));
  const message = told.detail ?? told.error ?? told.message ?? `The server refused (${answer.status}).`;
  throw new RequestFailed("refused", String(message));
}

/** @param {Response} answer */
async function parsed(answer) {
  try {
    return await answer.json();
  } catch {
    throw new RequestFailed("away", "The server's answer was cut off.");
  }
}
