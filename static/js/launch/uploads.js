// Files of a form: sent as soon as they are chosen, so that their address stands in the field. Without it they come with the form.

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Control */

const MOST_FILES = 1000;
const UNITS = ["B", "KiB", "MiB", "GiB"];

export class Uploads {
  /** @param {HTMLElement} form @param {(field: HTMLElement) => void} changed @param {() => void} ended when nothing is on its way any more */
  constructor(form, changed, ended) {
    this.changed = changed;
    this.ended = ended;
    /** @type {Map<HTMLElement, XMLHttpRequest>} */
    this.running = new Map();
    this.failed = false;
    form.addEventListener("change", ({ target }) => target.matches("[data-upload] > input[type=file]") && this.send(/** @type {HTMLInputElement} */ (target)));
  }

  get isBusy() {
    return this.running.size > 0;
  }

  /** @param {HTMLInputElement} input */
  send(input) {
    const field = input.closest("[data-original]");
    const box = input.closest("[data-upload]");
    this.running.get(field)?.abort();
    const files = [...input.files];
    if (!files.length) return;
    const size = files.reduce((sum, file) => sum + file.size, 0);
    if (files.length > MOST_FILES) return this.refuse(field, input, `the folder has ${files.length} files; at most ${MOST_FILES} are taken`);
    const most = Number(box.dataset.most);
    if (size > most) return this.refuse(field, input, `${sized(size)} were chosen; at most ${sized(most)} can be uploaded`);
    const data = new FormData();
    data.append("kind", box.dataset.upload);
    for (const file of files) data.append("files", file, file.webkitRelativePath || file.name);
    const request = new XMLHttpRequest();
    const progress = box.querySelector("progress");
    request.open("POST", box.dataset.url);
    request.setRequestHeader("X-CSRFToken", /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value);
    request.upload.addEventListener("progress", (event) => {
      progress.value = event.total ? event.loaded / event.total : 0;
      say(box, `Sending ${sized(event.loaded)} of ${sized(event.total)}`);
    });
    request.addEventListener("loadend", () => this.answered(field, input, request, `${named(files)}, ${sized(size)}`));
    this.running.set(field, request);
    this.failed = false;
    mend(field, input);
    progress.value = 0;
    progress.hidden = false;
    request.send(data);
  }

  /** @param {HTMLElement} field @param {HTMLInputElement} input @param {XMLHttpRequest} request @param {string} what */
  answered(field, input, request, what) {
    if (this.running.get(field) !== request) return; // another one was chosen meanwhile
    this.running.delete(field);
    const box = input.closest("[data-upload]");
    box.querySelector("progress").hidden = true;
    const { address, message } = answerOf(request);
    if (!address) this.refuse(field, input, message);
    else {
      /** @type {Control} */ (field.querySelector("[data-value]")).value = address;
      /** @type {HTMLSelectElement | null} */
      const variant = field.querySelector("select:not([data-value])");
      if (variant) variant.value = box.dataset.variant;
      input.value = "";
      say(box, `${what}: uploaded`);
      this.changed(field);
    }
    if (!this.isBusy) this.ended();
  }

  /** @param {HTMLElement} field @param {HTMLInputElement} input @param {string} message */
  refuse(field, input, message) {
    this.failed = true;
    mend(field, input);
    const error = Object.assign(document.createElement("p"), { className: "form-error", id: `${input.id}-error`, textContent: `${message[0].toUpperCase()}${message.slice(1)}.` });
    error.role = "alert";
    input.value = "";
    input.ariaInvalid = "true";
    input.setAttribute("aria-errormessage", error.id);
    field.append(error);
    field.dataset.wrong = "";
  }
}

/** The field without its error. @param {HTMLElement} field @param {HTMLInputElement} input */
function mend(field, input) {
  field.querySelector(".form-error")?.remove();
  field.querySelector("[data-value]").removeAttribute("aria-invalid");
  delete field.dataset.wrong;
  input.removeAttribute("aria-invalid");
  say(input.closest("[data-upload]"), "");
}

/** @param {HTMLElement} box @param {string} text */
function say(box, text) {
  box.querySelector("[role=status]").textContent = text;
}

/** @param {XMLHttpRequest} request @returns {{address?: string, message: string}} */
function answerOf(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    const words = request.status ? `the server answered ${request.status}` : "the connection to the server was lost";
    return { message: request.responseText && request.status === 413 ? request.responseText : `${words}: nothing was uploaded` };
  }
}

/** @param {File[]} files */
function named(files) {
  const [first] = files;
  const folder = first.webkitRelativePath.split("/")[0];
  return folder ? `${folder}, ${files.length} ${files.length === 1 ? "file" : "files"}` : first.name;
}

/** @param {number} bytes */
function sized(bytes) {
  const step = Math.min(UNITS.length - 1, bytes ? Math.floor(Math.log2(bytes) / 10) : 0);
  return `${(bytes / 1024 ** step).toFixed(step && bytes / 1024 ** step < 10 ? 1 : 0)} ${UNITS[step]}`;
}
