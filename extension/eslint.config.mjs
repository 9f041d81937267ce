import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/"] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ["src/**/*.ts", "test/**/*.ts"] })),
  {
    files: ["src/**/*.ts", "test/**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers in sentences are what most of our texts are made of.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      // The editor's own interfaces are met by shape.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      "no-console": "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      // All extensions share one thread: whoever waits for a disk there holds all of them up.
      "no-restricted-syntax": [
        "error",
        { selector: "CallExpression[callee.property.name=/Sync$/]", message: "Use what can be awaited." },
        { selector: "CallExpression[callee.name=/Sync$/]", message: "Use what can be awaited." },
        { selector: "ImportSpecifier[imported.name=/Sync$/]", message: "Use what can be awaited." },
      ],
    },
  },
  { files: ["test/browser/**/*.ts"], rules: { "no-console": "off" } },
);
