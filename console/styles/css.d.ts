// A style sheet is imported for what vite makes of it, and has no names.
declare module '*.css';
