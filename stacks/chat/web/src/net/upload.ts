/** Sends a file to S3 with a signed form. XMLHttpRequest, because fetch does not tell how far an upload is. */

import type { UploadForm } from "../core/model.ts";

export class UploadFailed extends Error {}

export function sendFile(
  form: UploadForm,
  file: Blob,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
    // S3 ignores what follows the file.
    body.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.url);
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable && total > 0) onProgress(loaded / total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new UploadFailed(`HTTP ${request.status}`));
    };
    request.onerror = () => reject(new UploadFailed("the network failed"));
    request.onabort = () => reject(new UploadFailed("cancelled"));
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
