import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { takeToken } from './link/token';
import './styles/main.scss';

const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');
createRoot(root).render(
  <StrictMode>
    <App token={takeToken(location, history, sessionStorage)} />
  </StrictMode>,
);
