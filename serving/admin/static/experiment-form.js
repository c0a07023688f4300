// The form of an experiment: rows are added in place, and fields that the choices above make needless are hidden.

const form = document.querySelector("[data-experiment-form]");

function renamed(text, number) {
  return text.replace(/^(\w+)\.\d+\./, `$1.${number}.`);
}

/** Another row: the last one's copy, as a new one is. */
function add(body) {
  const number = body.rows.length;
  const row = body.rows[number - 1].cloneNode(true);
  for (const field of row.querySelectorAll("input, select")) {
    field.name = renamed(field.name, number);
    field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+/, String(number + 1)));
    if (field.type === "checkbox") field.checked = false;
    else if (field.tagName === "INPUT" && !/\.(share|low|high)$/.test(field.name)) field.value = "";
  }
  body.append(row);
  row.querySelector("input").focus();
}

for (const button of form.querySelectorAll("[data-more]")) {
  const body = form.querySelector(`[data-rows="${button.dataset.more}"]`);
  const full = () => { button.disabled = body.rows.length >= Number(body.dataset.most); };
  button.addEventListener("click", (event) => {
    event.preventDefault();
    add(body);
    full();
  });
  full();
}

function fit() {
  for (const part of form.querySelectorAll("[data-when]")) {
    const [name, values] = part.dataset.when.split("=");
    part.hidden = !values.split(",").includes(form.elements[name].value);
  }
  // A posterior on rates is for rewards of 0 and 1 only.
  const posterior = form.elements["policy.posterior"];
  if (form.elements["reward.kind"].value === "number") posterior.value = "normal";
  posterior.querySelector('[value="beta"]').disabled = form.elements["reward.kind"].value === "number";
}
for (const name of ["reward.kind", "policy.kind"]) form.elements[name].addEventListener("change", fit);
fit();
