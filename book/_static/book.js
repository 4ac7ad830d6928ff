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
