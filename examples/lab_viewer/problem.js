// What can go wrong, and the calm words for it.

/** An error that a person is told about. `kind` chooses the words; `detail` is what the server said, if anything. */
export class Problem extends Error {
  constructor(kind, detail = "", options = {}) {
    super(detail || kind, options);
    this.kind = kind;
    this.detail = detail;
  }
}

const WORDS = {
  unreachable: ["The server cannot be reached", "Check that it is running and that you are online, then try again."],
  "not-smart": ["This is not a SMART on FHIR server", "Its SMART configuration is missing or incomplete, so signing in is not possible."],
  "untrusted-iss": ["This server is not on the list", "The link names a server that this Lab Viewer is not set up for, so nothing was sent to it."],
  "missing-iss": ["Something is missing in the link", "A launch link has to name a server (iss). Open the app from your portal again."],
  insecure: ["A secure connection is needed", "Your browser offers its cryptography only on https and on localhost."],
  "wrong-state": ["This sign-in does not belong to this window", "It was started elsewhere, is too old, or was already used. Nothing was opened; please start again."],
  "wrong-issuer": ["The answer came from another server", "It is not the one that this sign-in was started with. Nothing was opened; please start again."],
  denied: ["Access was not given", "You, or the server's rules, declined to share the data. Nothing was opened."],
  authorization: ["The server refused the sign-in", "Please start again. If it keeps happening, tell the people who look after this app."],
  "token-refused": ["The sign-in could not be completed", "The server did not accept the last step. Please start again."],
  ended: ["Your access has ended", "It ran out or was revoked. Launch again to go on, here or from your portal."],
  forbidden: ["The laboratory results are not shared with this app", "The permissions that were given do not include them. Launch again and allow laboratory results."],
  "no-patient": ["No patient was chosen", "The server did not say whose results to show. Launch again and choose a patient."],
  "not-found": ["This patient's record was not found", "It may have been removed, or your access to it has changed."],
  server: ["The server had trouble answering", "Please try again in a moment."],
  unexpected: ["The server's answer could not be read", "Please try again. If it keeps happening, tell the people who look after the server."],
};

/** The title and the sentence for a problem, and what the server said. Whatever is not a Problem is a fault of ours. */
export function words(problem) {
  if (!(problem instanceof Problem)) {
    return { title: "Lab Viewer has a fault", text: "Please reload the page.", detail: String(problem) };
  }
  const [title, text] = WORDS[problem.kind];
  return { title, text, detail: problem.detail };
}
