// Each line of `claim` in an element of its own: on a phone it may wrap, a table of numbers may not.
document.addEventListener("DOMContentLoaded", () => {
  for (const printed of document.querySelectorAll(".cell_output pre")) {
    for (const text of [...printed.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)) {
      const parts = text.textContent.split(/^(claim: .*\n?)/m).map((part) => {
        if (!part.startsWith("claim: ")) return part;
        const line = document.createElement("span");
        line.className = "claim";
        line.textContent = part;
        return line;
      });
      if (parts.length > 1) text.replaceWith(...parts);
    }
  }
});

// What the theme leaves without words for a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  for (const summary of document.querySelectorAll("nav li > details > summary")) {
    const link = summary.closest("li").querySelector("a");
    summary.setAttribute("aria-label", `Pages of ${link?.textContent.trim() ?? "this part"}`);
  }
  // A signature on several lines is a list of definitions without terms.
  for (const lines of document.querySelectorAll("dt.sig > dl")) lines.setAttribute("role", "presentation");
});

if (location.protocol === "file:") {
  // Search results quote their page, which the search fetches; browsers forbid that from the disk.
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
} else {
  // Save a notebook, whatever type the server calls it. (From the disk, browsers only show it.)
  document.addEventListener("DOMContentLoaded", () => {
    for (const link of document.querySelectorAll("a.btn-download-source-button")) {
      link.download = "";
      link.removeAttribute("target");
    }
  });
}
