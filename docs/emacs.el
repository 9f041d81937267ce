(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '(verilog-mode . ("llm4cov-lsp" "--stdio")))
  ;; Eglot stands still until a command is answered, and gives up after ten seconds. Ours may take a minute and end in an edit.
  (define-advice jsonrpc-request (:around (ask server method params &rest options) llm4cov)
    (if (and (eq method :workspace/executeCommand)
             (string-prefix-p "llm4cov." (format "%s" (plist-get params :command))))
        (jsonrpc-async-request server method params :timeout nil
                               :success-fn #'ignore
                               :error-fn (lambda (trouble) (message "llm4cov: %s" (plist-get trouble :message))))
      (apply ask server method params options))))
(add-hook 'verilog-mode-hook #'eglot-ensure)
