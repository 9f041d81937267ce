vim.api.nvim_create_autocmd("FileType", {
  pattern = { "verilog", "systemverilog" },
  callback = function(event)
    local found = vim.fs and vim.fs.find({ "llm4cov.toml", ".git" }, { upward = true, path = vim.fn.expand("%:p:h") })[1]
    local options = {
      name = "llm4cov",
      cmd = { "llm4cov-lsp", "--stdio" },
      root_dir = found and vim.fn.fnamemodify(found, ":h") or vim.fn.expand("%:p:h"),
      settings = { llm4cov = { mode = "measure" } },
      on_attach = function(_, buffer)
        -- Coverage over modules: asked for when you enter, save or pause.
        vim.api.nvim_create_autocmd({ "BufEnter", "BufWritePost", "CursorHold" }, { buffer = buffer, callback = function() vim.lsp.codelens.refresh() end })
      end,
    }
    -- One server for all files of a project: it has to see a testbench being saved.
    if vim.lsp.start then
      vim.lsp.start(options)
    else
      -- Neovim 0.7
      local client
      for _, one in pairs(vim.lsp.get_active_clients()) do
        if one.name == "llm4cov" and one.config.root_dir == options.root_dir then client = one.id end
      end
      vim.lsp.buf_attach_client(event.buf, client or vim.lsp.start_client(options))
    end
  end,
})

vim.keymap.set("n", "<leader>cl", vim.lsp.codelens.run)
vim.keymap.set("n", "<leader>ca", vim.lsp.buf.code_action)
vim.keymap.set("n", "K", vim.lsp.buf.hover)
