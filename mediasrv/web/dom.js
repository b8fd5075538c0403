// Making and finding elements. Text is only ever set as text: names and messages come from other people.

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

/** element("button", {class: "round", "aria-label": "Close"}, child, "text") */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** An icon of icons.svg; decoration, so screen readers pass over it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Makes `children` the children of `parent`, moving as few as possible: a moved element loses its focus. */
export function arrange(parent, children) {
  for (const child of [...parent.children]) if (!children.includes(child)) child.remove();
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
}

/** Up to two initials, for a picture of somebody who shows none. */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return "?";
  const chosen = words.length === 1 ? [words[0]] : [words[0], words[words.length - 1]];
  return chosen.map((word) => [...word][0].toLocaleUpperCase()).join("");
}

/** A hue (degrees) that belongs to a name, so that a person keeps a colour. */
export function hueOf(name) {
  let hash = 0;
  for (const character of name) hash = (Math.imul(hash, 31) + character.codePointAt(0)) >>> 0;
  // Steps of the golden angle: names that hash close together still get colours far apart.
  return Math.round((hash % 1_000) * 137.508) % 360;
}

/** Shows a person's initials on their colour. */
export function paintAvatar(avatar, name) {
  avatar.textContent = initials(name);
  avatar.style.setProperty("--hue", hueOf(name));
}
